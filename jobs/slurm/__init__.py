"""Calling SLURM's commands and parsing their output."""
