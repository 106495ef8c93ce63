"""What the drawing commands share: options, trained networks, the papers' figures."""
