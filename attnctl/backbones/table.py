"""The rows of the data files, read once and without torch."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from attnctl.sources import plugins

FOLDER = Path(__file__).parent
TIMM = "timm:"
"""The prefix of timm's networks."""
NO_SE = "_no_se"
"""The suffix of a network of torchvision or timm without its own SE."""


@cache
def read(file: str) -> dict[str, Any]:
    """The rows of a data file in this folder, by name."""
    return tomllib.loads((FOLDER / file).read_text(encoding="utf-8"))


@cache
def names() -> tuple[str, ...]:
    """The backbones of the table, by name."""
    return tuple(sorted(read("backbones.toml")))


def canonical(name: str) -> str:
    """The canonical name of a backbone that has aliases; the key of a user's backbone."""
    if plugins.is_own(name):
        return plugins.backbone(name).key
    return _aliases().get(name, name)


@cache
def _aliases() -> dict[str, str]:
    """Alias -> canonical name; of two rows with the same alias, the first."""
    rows = read("backbones.toml").items()
    return {values["also"]: row for row, values in reversed(rows) if "also" in values}


def origin(name: str) -> str:
    """Where a network comes from, as in the `build` of its row."""
    if name in names():
        return str(read("backbones.toml")[name]["build"])
    function = plugins.function(name)
    if function is not None:
        return function.key
    return name if name.startswith(TIMM) else f"torchvision:{name}"
