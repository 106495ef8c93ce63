"""Sweeps of papers' tables that are small enough to be trained, or only written down."""

from __future__ import annotations

SMALL = (
    "--dataset",
    "digits",
    "--epochs",
    "1",
    "--input-size",
    "8",
    "--batch",
    "256",
    "--norm-batch",
    "128",
    "--run-on",
    "local",
)
TINY = (*SMALL, "--backbone", "resnet20", "--placement", "block")
