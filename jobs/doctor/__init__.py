"""What `attnctl doctor` checks, here and on a compute node."""
