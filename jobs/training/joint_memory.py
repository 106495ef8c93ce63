"""How much memory a joint forward may take; read without torch, since estimates of a run's time depend on it."""

CPU_MEMORY = 1 << 30
"""Bytes that a joint forward may keep for its backward pass on a CPU. It is fixed: the same run computes the same."""
GPU_SHARE = 0.25
"""Share of a GPU's memory that it may keep there."""
