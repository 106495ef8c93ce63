"""attnctl: sweep attention modules over backbones and data sets on a SLURM cluster, and reproduce papers' tables."""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `attnctl.load` and `attnctl.attach` on first use, because they need pandas and torch."""
    from importlib import import_module

    if name == "load":
        return import_module("attnctl.db.frames").load
    if name == "attach":
        return import_module("attnctl.networks.surgery").attach
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
