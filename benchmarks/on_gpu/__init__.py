"""The parts of benchmarks/gpu.py. They need torch, torchvision and attnctl's own modules, nothing else."""
