"""Training on this machine, without SLURM."""
