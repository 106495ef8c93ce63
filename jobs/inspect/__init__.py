"""Looks into trained networks: predictions, class activation maps, and responses of layers and attention."""
