"""The columns of the index that a run's spec alone decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attnctl.spec import Recipe, RunSpec

_COLUMNS = (
    *("module", "label", "model", "backbone", "placement", "dataset", "versions", "seed", "init"),
    *("family", "lineage"),
)
"""Of the table `run`."""

_encode = json.JSONEncoder(sort_keys=True).encode

_RECIPES = 1 << 10
"""Recipes that are kept: thousands of runs share each."""

_ROWS: dict[int, tuple[Recipe, Mapping[str, Any], str]] = {}
"""By the recipe's identity, which its own entry keeps alive: its columns of the table `spec`, and its JSON text."""


def known_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `run` of a spec that was read before. row: of that run."""
    return {name: row[name] for name in _COLUMNS}


def columns(spec: RunSpec | None) -> dict[str, Any]:
    """The columns of `run`; `?` and nothing without a readable spec."""
    if spec is None:
        unknown = dict.fromkeys(("module", "label", "backbone", "dataset"), "?")
        return dict.fromkeys(_COLUMNS, "") | unknown | {"seed": 0}
    same = ("module", "model", "backbone", "placement", "dataset", "seed", "init", "family", "lineage")
    return {name: getattr(spec, name) for name in same} | {
        "label": spec.label(),
        "versions": ", ".join(f"{name} {value}" for name, value in _versions(spec)),
    }


def _versions(spec: RunSpec) -> Iterator[tuple[str, int | str]]:
    """The versions by part; a classifier has no model, and most recipes no user's file."""
    return ((name, value) for name, value in vars(spec.versions).items() if name not in {"model", "recipe"} or value)


def recipe_row(spec: RunSpec) -> dict[str, Any]:
    """The columns of `spec`: those of the recipe, and the whole spec as JSON text with sorted keys."""
    row, recipe = _of_recipe(spec.recipe)
    document = spec.to_json()
    after = {name: document.pop(name) for name in ("seed", "versions")}
    del document["recipe"]  # what is left sorts before it
    text = f'{_encode(document)[:-1]}, "recipe": {recipe}, {_encode(after)[1:]}'
    return {**row, "text": text}


def _of_recipe(recipe: Recipe) -> tuple[Mapping[str, Any], str]:
    """The columns of a recipe, and its JSON text with sorted keys."""
    found = _ROWS.get(id(recipe))
    if found is None:
        values = vars(recipe)
        row = {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}
        if len(_ROWS) >= _RECIPES:
            _ROWS.clear()
        found = _ROWS[id(recipe)] = recipe, row, _encode(values)
    return found[1], found[2]
