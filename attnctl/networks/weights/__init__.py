"""Weights that networks start from: reading files of many tools, and comparing them with a network's tensors."""
