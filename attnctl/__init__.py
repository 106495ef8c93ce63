"""attnctl: sweep attention modules over backbones and data sets on a SLURM cluster, and reproduce papers' tables."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Their types are in __init__.pyi: an import here, though for type checkers only, would close a circle of all modules.
_MODULES = {
    "Frames": "attnctl.db.frames",
    "RunStatus": "attnctl.api.sweeps",
    "Status": "attnctl.api.sweeps",
    "Sweep": "attnctl.api.sweeps",
    "Table": "attnctl.api.tables",
    "TrainedNetwork": "attnctl.api.networks",
    "attach": "attnctl.networks.surgery",
    "load": "attnctl.db.frames",
    "network": "attnctl.api.networks",
    "report": "attnctl.api.tables",
    "status": "attnctl.api.sweeps",
    "sweep": "attnctl.api.sweeps",
}
"""Where each public name is defined: it is imported when it is first used, because it needs torch or pandas."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names of the package, also those that were not used yet."""
    return sorted({*globals(), *_MODULES})
