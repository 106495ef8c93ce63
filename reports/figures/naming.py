"""What tells the lines of a figure apart: of all that runs were asked for, what is not the same in all of them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from attnctl.db import RunRow
from attnctl.recipe_parts import setting_text
from attnctl.spec import NO_MODULE, recipe_fields
from attnctl.values import format_value

Key = tuple[tuple[str, str], ...]
"""What the runs of one mean have in common, by name, as text."""

_PLACES = ("model", "backbone", "placement", "dataset")
_VERSIONS = "versions"


def keys(rows: Sequence[RunRow], without: Collection[str] = ()) -> dict[str, Key]:
    """Run id -> all that the run was asked for, but for its seed and what is in `without`."""
    return {
        row.id: tuple((name, value) for name, value in _settings(row).items() if name not in without) for row in rows
    }


def names(found: Collection[Key], *, places: bool = True) -> dict[Key, str]:
    """A name for each key: the module and what differs, such as `ela kernel=5, resnet20`. places: backbones too.

    The versions of the code stand in it only where two are alike in all else.
    """
    modules: dict[str, list[Key]] = defaultdict(list)
    for key in found:
        modules[dict(key)["module"]].append(key)
    own = {module: _varying(_hyperparameters(key) for key in members) for module, members in modules.items()}
    # the plain backbone has no placement, which is no difference worth telling
    rest = _varying({name: value for name, value in _others(key).items() if value} for key in found)
    named = {key: _name(dict(key), own[dict(key)["module"]], rest, places) for key in found}
    counts = Counter(named.values())
    return {
        key: f"{name}, {dict(key)[_VERSIONS]}" if places and counts[name] > 1 else name for key, name in named.items()
    }


def order(key: Key) -> tuple[object, ...]:
    """The plain backbone first, then by name; values by their size."""
    values = dict(key)
    rest = [(name, *_sortable(value)) for name, value in sorted(values.items()) if name != "module"]
    return values["module"] != NO_MODULE, values["module"], rest


def _settings(row: RunRow) -> Mapping[str, str]:
    return {
        "module": row.module,
        **{name: getattr(row, name) for name in (*_PLACES, _VERSIONS)},
        **{name: format_value(value) for name, value in row.recipe.items()},
        **row.hyperparameters,
    }


def _others(key: Key) -> dict[str, str]:
    return {name: value for name, value in key if name in _PLACES or name in recipe_fields()}


def _hyperparameters(key: Key) -> dict[str, str]:
    return {
        name: value
        for name, value in key
        if name not in {"module", _VERSIONS, *_PLACES} and name not in recipe_fields()
    }


def _varying(settings: Iterable[Mapping[str, str]]) -> set[str]:
    values: dict[str, set[str]] = defaultdict(set)
    for setting in settings:
        for name, value in setting.items():
            values[name].add(value)
    return {name for name, found in values.items() if len(found) > 1}


def _name(values: Mapping[str, str], own: set[str], rest: set[str], places: bool) -> str:
    module = "no attention" if values["module"] == NO_MODULE else values["module"]
    settings = [setting_text(name, value) for name, value in values.items() if name in own or name in rest - {*_PLACES}]
    where = [values[name] for name in _PLACES if name in rest and values[name]] if places else []
    return ", ".join([" ".join([module, *settings]), *where])


def _sortable(value: str) -> tuple[float, str]:
    try:
        return float(value), ""
    except ValueError:
        return math.inf, value
