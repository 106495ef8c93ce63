"""The checks of `attnctl doctor`, on this machine and on compute nodes."""
