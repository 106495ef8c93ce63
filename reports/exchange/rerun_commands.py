"""The command that asks for a run again, whatever asked for it first: exact, and independent of papers and defaults."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from attnctl import attention, recipe_parts, recipes, sources
from attnctl.components import AND, AT
from attnctl.sources.digest import VERSION_PREFIX
from attnctl.sources.store import read_manifest
from attnctl.spec import NO_MODULE, Recipe, RunSpec, Start
from attnctl.values import Scalar, format_value
from attnctl.workspace.layout import RELATIVE


@dataclass(frozen=True)
class Again:
    """A command, and the runs that it asks for. rows: of the table, in which these are."""

    label: str
    runs: tuple[str, ...]
    rows: tuple[str, ...]
    command: str


def commands(specs: Iterable[RunSpec], kept: Path, folder: str, rows: Mapping[str, Sequence[str]]) -> list[Again]:
    """One command for all seeds of a request, in the order of the first of each. Raises SpecError.

    kept: the workspace's folder of sources. folder: how the commands name it. rows: run id -> names of rows
    """
    seeds: dict[RunSpec, list[RunSpec]] = {}
    for spec in specs:
        seeds.setdefault(replace(spec, seed=0), []).append(spec)
    return [
        Again(
            label=f"{spec.label()} {spec.network} {spec.dataset}",
            runs=tuple(item.id for item in found),
            rows=tuple(dict.fromkeys(row for item in found for row in rows.get(item.id, ()))),
            command=shlex.join(_words(spec, sorted({item.seed for item in found}), kept, folder)),
        )
        for spec, found in seeds.items()
    ]


def _words(spec: RunSpec, seeds: Sequence[int], kept: Path, folder: str) -> Iterator[str]:
    names = [_named(part.module, part.versions.module, kept, folder) for part in spec.components]
    placements = [] if spec.placement else [f"{AT}{part.placement}" for part in spec.components]
    yield from ("attnctl", "sweep", AND.join(map("".join, zip_longest(names, placements, fillvalue=""))) or NO_MODULE)
    for name, part in zip(names, spec.components, strict=True):
        for key, value in _settings(part, kept).items():
            yield from ("-p", f"{name}.{key}={format_value(value)}")
    if spec.placement:
        yield from ("--placement", spec.placement)
    if spec.model:
        yield from ("--model", spec.model)
    yield from ("--backbone", _named(spec.backbone, spec.versions.backbone, kept, folder), "--dataset", spec.dataset)
    recipe, fields = _recipe(spec.recipe)
    yield from ("--recipe", recipe)
    for name, value in {**fields, **_own_parts(spec, kept, folder)}.items():
        yield from ("--" + name.replace("_", "-"), format_value(value))
    yield from ("--seed", ",".join(map(str, seeds)))
    start = Start.of(spec.init)
    if spec.init:
        yield from ("--init", start.run or RELATIVE.weights(start.file).as_posix())
    if start.partial:
        yield "--init-partial"


def _named(name: str, version: str | int, kept: Path, folder: str) -> str:
    """A built-in name, or the user's file as it is kept: sources/<hash>/mine.py:Gate."""
    if not sources.is_own(version):
        return name
    digest = str(version).removeprefix(VERSION_PREFIX)
    return f"{folder}/{digest}/{read_manifest(kept / digest).entry}:{name.partition(':')[2]}"


def _own_parts(spec: RunSpec, kept: Path, folder: str) -> dict[str, str]:
    """The recipe's fields that name users' files, as they are kept."""
    return {
        kind: "+".join(
            _named(name, version, kept, folder)
            for name, version in zip(str(getattr(spec.recipe, kind)).split("+"), versions, strict=True)
        )
        for kind, versions in recipe_parts.read_code(spec.versions.recipe).items()
    }


def _settings(spec: RunSpec, kept: Path) -> dict[str, Scalar]:
    """The hyperparameters, with those that are left out of a spec because they are at their neutral value."""
    described = attention.describe(_named(spec.module, spec.versions.module, kept, str(kept)))
    return {**described.neutral, **dict(spec.hyperparameters)}


def _recipe(recipe: Recipe) -> tuple[str, dict[str, Scalar]]:
    """The nearest recipe that has a name, and the fields that differ from it."""
    found: list[tuple[int, str, dict[str, Scalar]]] = []
    for name in recipes.names():
        base = vars(recipes.resolve(name, {}))
        fields = {field: value for field, value in vars(recipe).items() if value != base[field]}
        for unit, other in (("epochs", "steps"), ("warmup_epochs", "warmup_steps")):
            if other in fields and not fields.get(unit, 1):
                del fields[unit]  # the other takes its place
        if "" not in fields.values():  # no option can say nothing
            found.append((len(fields), name, fields))
    _, name, fields = min(found, key=lambda item: item[:2])
    return name, fields
