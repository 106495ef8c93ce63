"""Counts that were found before, in the user's cache folder: under a key that moves with everything they depend on."""

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


def key(what: Cell) -> str:
    """What the counts of a cell are kept under: the cell, its users' sources, our own sources, the libraries."""
    version = "" if what.module == NO_MODULE else attention.describe(what.module).version
    network = backbones.describe(what.backbone).version if what.backbone else 0
    model = models.describe(what.model).version if what.model else 0
    return user_cache.key_of(asdict(what), version, network, model, user_cache.library_versions(), _sources())


@cache
def _sources() -> str:
    """A digest of what networks are made from and counted with."""
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
    """The counts kept under a key; none when there are none, or what is there are no counts."""
    document = user_cache.read(_KIND, name)
    if document is not None:
        with contextlib.suppress(ValueError):
            return Counts.read(document)
    return None


def write(name: str, found: Counts) -> None:
    """Keep counts."""
    user_cache.write(_KIND, name, found.document())
