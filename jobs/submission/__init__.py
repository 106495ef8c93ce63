"""Submits runs to SLURM as job arrays."""
