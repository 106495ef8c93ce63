"""The commands, one file each; `registry.py` lists them."""
