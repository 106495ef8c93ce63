"""How a run runs: submission, the worker, the training loop, checkpoints and data loading."""
