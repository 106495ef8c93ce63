"""Searching hyperparameters and recipe fields: ranges, and the samples that a sweep draws from them."""
