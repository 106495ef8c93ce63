"""The life of a run: its attempts, its state, its results, and what `attnctl resume` does with it."""
