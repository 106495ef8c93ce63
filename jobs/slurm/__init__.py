"""SLURM's commands: what is asked of them, and what their answers say."""
