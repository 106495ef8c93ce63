"""Counts that were found before, in the user's cache folder: under a key that moves with everything they depend on."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import attnctl
from attnctl import attention, backbones, models
from attnctl.networks.complexity.work import Counts
from attnctl.spec import NO_MODULE
from attnctl.workspace import untrusted_json

if TYPE_CHECKING:
    from attnctl.networks.complexity.cells import Cell


def key(what: Cell) -> str:
    """What the counts of a cell are kept under: the cell, its users' sources, our own sources, the libraries."""
    version = "" if what.module == NO_MODULE else attention.describe(what.module).version
    network = backbones.describe(what.backbone).version if what.backbone else 0
    model = models.describe(what.model).version if what.model else 0
    document = json.dumps([asdict(what), version, network, model, _sources()], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:32]


@cache
def _sources() -> str:
    """A digest of what networks are made from and counted with."""
    digest = hashlib.sha256()
    for package in ("torch", "torchvision", "timm"):
        try:
            digest.update(metadata.version(package).encode())
        except metadata.PackageNotFoundError:
            digest.update(b"none")
    home = Path(attnctl.__file__).parent
    files = [
        path
        for folder in ("attention", "backbones", "models", "networks/complexity")
        for path in home.joinpath(folder).rglob("*.[pt]*")
    ]
    for path in sorted([*files, home / "networks/surgery.py"]):
        if path.suffix in {".py", ".toml"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _path(name: str) -> Path:
    from platformdirs import user_cache_path  # a training does without it

    return user_cache_path("attnctl") / "complexity" / f"{name}.json"


def read(name: str) -> Counts | None:
    """The counts kept under a key; none when there are none, or what is there cannot be read."""
    try:
        return Counts.read(untrusted_json.loads_object(_path(name).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(name: str, found: Counts) -> None:
    """Keep counts; a folder that cannot be written to costs time, not the answer."""
    path = _path(name)
    beside = path.with_name(f".{name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(found.document()), encoding="utf-8")
        beside.replace(path)
    except OSError:
        return
