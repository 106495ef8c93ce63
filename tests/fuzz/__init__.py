"""Hostile input for every parser of files that others can write: `make fuzz`, and for some seconds in `make test`."""
