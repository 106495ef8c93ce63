"""A run from its first attempt to its result: its state, the evidence for it, and what resume does."""
