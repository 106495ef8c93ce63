"""Looking into trained networks: what they look at, and how their layers and their attention respond."""
