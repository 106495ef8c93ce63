"""Counting, before anything is submitted, what of the weights loads into each network of a sweep.

A separate process builds the networks on the meta device and reads the headers of files; the planner itself does not
import torch. Answers are cached in the user's cache folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import attnctl
from attnctl import datasets, user_cache
from attnctl.sources import isolated
from attnctl.spec import RunSpec, Start

_KIND = "weights"

_FIRST, _EACH = 180.0, 30.0
"""Time limits in seconds for importing torch and for one network."""

_SOURCES = ("attention", "backbones", "models", "networks/weights")
"""Folders of the code that decides what loads."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where weights come from: the spec of the base run, or a file. digest: the file's SHA-256. name: for messages."""

    name: str
    base: RunSpec | None = None
    file: Path | None = None
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What loads. loaded: of `total` tensors. words: what is left out that should not be; refusal: why the weights
    cannot be used at all, or not without --init-partial; both are empty if all is well."""

    loaded: int = 0
    total: int = 0
    words: str = ""
    refusal: str = ""


def count(runs: Sequence[RunSpec], origins: Mapping[str, Origin]) -> Mapping[str, Counted]:
    """Run id -> what loads, for the runs that start from weights. origins: by `RunSpec.init`. Raises SpecError."""
    keys = {spec.id: _key(spec, origins[spec.init]) for spec in runs if spec.init in origins}
    by_key = {keys[spec.id]: spec for spec in reversed(runs) if spec.id in keys}
    answers = {key: user_cache.read(_KIND, key) for key in by_key}
    unknown = {key: by_key[key] for key, answer in answers.items() if answer is None}
    for key, answer in (_ask(unknown, origins) if unknown else {}).items():
        answers[key] = answer
        user_cache.write(_KIND, key, answer)
    return {run: Counted(**(answers[key] or {})) for run, key in keys.items()}


def _ask(runs: Mapping[str, RunSpec], origins: Mapping[str, Origin]) -> dict[str, Any]:
    bases = [base for spec in runs.values() if (base := origins[spec.init].base) is not None]
    versions = [item for spec in (*runs.values(), *bases) for item in spec.code_versions]
    return isolated.ask(
        "attnctl.networks.weights",
        {key: {"spec": spec.to_json(), "origin": _document(origins[spec.init])} for key, spec in runs.items()},
        versions,
        what="counting what loads of the weights",
        seconds=_FIRST + _EACH * len(runs),
    )


def _document(origin: Origin) -> dict[str, Any]:
    return {
        "name": origin.name,
        "base": replace(origin.base, init="").to_json() if origin.base is not None else None,
        "file": str(origin.file.absolute()) if origin.file is not None else None,
    }


def _key(spec: RunSpec, origin: Origin) -> str:
    """The cache key: both networks or the file, and the code that builds and compares them."""
    source = _network(origin.base) if origin.base is not None else [origin.digest]
    partial = Start.of(spec.init).partial
    return user_cache.key_of(_network(spec), source, origin.name, partial, user_cache.library_versions(), _code())


def _network(spec: RunSpec) -> list[Any]:
    """What determines the names and shapes of a run's network."""
    document = spec.to_json()
    parts = [document[name] for name in ("module", "hyperparameters", "backbone", "placement", "versions", "model")]
    dataset = datasets.describe(spec.dataset)
    return [*parts, dataset.classes, dataset.height, dataset.channels, spec.recipe.input_size, spec.recipe.norms]


@cache
def _code() -> str:
    home = Path(attnctl.__file__).parent
    files = [path for folder in _SOURCES for path in home.joinpath(folder).rglob("*.[pt]*")]
    return user_cache.digest_of(
        path for path in [*files, home / "networks/surgery.py"] if path.suffix in {".py", ".toml"}
    )
