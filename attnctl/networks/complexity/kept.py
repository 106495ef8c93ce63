"""Counts cached in the user's cache folder, under a key that covers everything on which they depend."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import attnctl
from attnctl import attention, backbones, models, user_cache
from attnctl.networks.complexity.work import Counts
from attnctl.spec import NO_MODULE

if TYPE_CHECKING:
    from attnctl.networks.complexity.cells import Cell

_KIND = "complexity"


def key(cell: Cell) -> str:
    """The cache key of a cell's counts: the cell, its users' sources, our own sources, and the libraries."""
    version = "" if cell.module == NO_MODULE else attention.describe(cell.module).version
    network = backbones.describe(cell.backbone).version if cell.backbone else 0
    model = models.describe(cell.model).version if cell.model else 0
    return user_cache.key_of(asdict(cell), version, network, model, user_cache.library_versions(), _sources())


@cache
def _sources() -> str:
    """A digest of the code that builds and counts networks."""
    home = Path(attnctl.__file__).parent
    files = [
        path
        for folder in ("attention", "backbones", "models", "networks/complexity")
        for path in home.joinpath(folder).rglob("*.[pt]*")
    ]
    return user_cache.digest_of(
        path for path in [*files, home / "networks/surgery.py"] if path.suffix in {".py", ".toml"}
    )


def read(name: str) -> Counts | None:
    """The counts cached under a key; None if there are none or they are invalid."""
    document = user_cache.read(_KIND, name)
    if document is not None:
        with contextlib.suppress(ValueError):
            return Counts.read(document)
    return None


def write(name: str, counts: Counts) -> None:
    """Cache counts."""
    user_cache.write(_KIND, name, counts.document())
