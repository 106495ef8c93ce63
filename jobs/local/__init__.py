"""Trains runs on this machine, without SLURM."""
