"""The training of one run by one or several processes, from its spec to its last epoch's numbers."""
