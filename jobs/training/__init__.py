"""Trains one run: the loop, its optimizer, checkpoints, events, and what ends it."""
