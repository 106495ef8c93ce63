"""Which runs resume takes up, with what resources, and their submission."""
