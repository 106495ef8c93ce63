"""What rows of tables and lines of figures are called, and their order: by what differs of all that was asked."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from attnctl.db import RunRow
from attnctl.recipe_parts import NONE, setting_text
from attnctl.reports.display_names import PLAIN, DisplayNames
from attnctl.spec import NO_MODULE, RunSpec, recipe_fields
from attnctl.values import Scalar, format_value

K = TypeVar("K")

Key = tuple[tuple[str, str], ...]
"""What the runs of one mean have in common, by name, as text."""

Setting = tuple[str, str]

_PLACES = ("model", "backbone", "placement", "dataset")
_VERSIONS = "versions"


def varying(settings: Iterable[Mapping[str, K]]) -> list[str]:
    """The names whose values are not alike in all of these."""
    values: dict[str, set[K]] = {}
    for setting in settings:
        for name, value in setting.items():
            values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if len(found) > 1]


def varying_by_module(settings: Iterable[tuple[str, Mapping[str, str]]]) -> Mapping[str, list[str]]:
    """Module -> the hyperparameters in which its runs differ: these name them. settings: (module, hyperparameters)."""
    modules: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for module, hyperparameters in settings:
        modules[module].append(hyperparameters)
    return {module: varying(members) for module, members in modules.items()}


def order(module: str, settings: Mapping[str, str]) -> tuple[object, ...]:
    """The plain backbone first, then by name; values by their size."""
    return module != NO_MODULE, module, [(name, *_by_size(value)) for name, value in sorted(settings.items())]


def typed(module: str, settings: Sequence[Setting]) -> str:
    """A row as it is typed: `ela kernel=5`, and `no attention` for the plain backbone."""
    if module == NO_MODULE:
        return "no attention"
    return " ".join([module, *(f"{name}={value}" for name, value in settings)])


def keys(rows: Iterable[RunRow], without: Collection[str] = ()) -> dict[str, Key]:
    """Run id -> all that the run was asked for, but for its seed and what is in `without`."""
    return {row.id: _key(row, row.versions, row.recipe, row.hyperparameters, without) for row in rows}


def keys_of_specs(specs: Iterable[RunSpec]) -> list[Key]:
    """All that each run was asked for, but for its seed."""
    return [
        _key(
            spec,
            str(spec.versions),
            vars(spec.recipe),
            {name: format_value(value) for name, value in spec.hyperparameters},
            (),
        )
        for spec in specs
    ]


def key_order(key: Key) -> tuple[object, ...]:
    """The order of a figure's lines."""
    values = dict(key)
    return order(values.pop("module"), values)


def names(found: Collection[Key], display: DisplayNames = PLAIN, *, places: bool = True) -> dict[Key, str]:
    """A name for each key: the module and what differs, such as `ELA (k = 5), ResNet-20`. places: backbones too.

    The versions of the code stand in it only where two are alike in all else.
    """
    own = varying_by_module((dict(key)["module"], _hyperparameters(key)) for key in found)
    # the plain backbone has no placement, which is no difference worth telling
    rest = varying({name: value for name, value in _others(key).items() if value} for key in found)
    named = {key: _name(dict(key), own[dict(key)["module"]], rest, display, places) for key in found}
    if not places:
        return named
    counts = Counter(named.values())
    with_versions = {
        key: f"{name}, {dict(key)[_VERSIONS]}" if counts[name] > 1 else name for key, name in named.items()
    }
    counts = Counter(with_versions.values())
    return {  # a name that a user has given to several
        key: f"{name}, {_typed(key, own)}" if counts[name] > 1 else name for key, name in with_versions.items()
    }


def _key(
    run: RunRow | RunSpec,
    versions: str,
    recipe: Mapping[str, Scalar],
    hyperparameters: Mapping[str, str],
    without: Collection[str],
) -> Key:
    settings = {
        "module": run.module,
        **{name: getattr(run, name) for name in _PLACES},
        _VERSIONS: versions,
        **{name: format_value(value) for name, value in recipe.items()},
        **hyperparameters,
    }
    return tuple((name, value) for name, value in settings.items() if name not in without)


def _others(key: Key) -> dict[str, str]:
    return {name: value for name, value in key if name in _PLACES or name in recipe_fields()}


def _hyperparameters(key: Key) -> dict[str, str]:
    return {
        name: value
        for name, value in key
        if name not in {"module", _VERSIONS, *_PLACES} and name not in recipe_fields()
    }


def _typed(key: Key, own: Mapping[str, Sequence[str]]) -> str:
    values = dict(key)
    return typed(values["module"], [(name, values[name]) for name in own[values["module"]] if name in values])


def _name(
    values: Mapping[str, str], own: Sequence[str], rest: Sequence[str], display: DisplayNames, places: bool
) -> str:
    settings = [(name, values[name]) for name in own if name in values]
    recipe = [item for name in rest if name in values and name not in _PLACES for item in _recipe(name, values[name])]
    network = " ".join(filter(None, (values["model"], values["backbone"])))
    name = display.row(values["module"], settings, network, recipe)
    return ", ".join([name, *(_where(values, rest, network, display) if places else ())])


def _where(values: Mapping[str, str], rest: Sequence[str], network: str, display: DisplayNames) -> Iterator[str]:
    """Where a row is; the plain backbone has its network as its name, unless a user has named it."""
    named = values["module"] != NO_MODULE or NO_MODULE in display.given
    if named and not {"model", "backbone"}.isdisjoint(rest):
        yield display.network(network)
    if "placement" in rest and values["placement"]:
        yield values["placement"]
    if "dataset" in rest:
        yield display.dataset(values["dataset"])


def _recipe(name: str, value: str) -> Iterator[Setting]:
    """A field of the recipe, or each option of its parts."""
    if name != "part_options":
        yield name, value
    elif value == NONE:
        yield "options", "default"
    else:
        for text in setting_text(name, value).split(" "):
            option, _, setting = text.partition("=")
            yield option, setting


def _by_size(value: str) -> tuple[float, str]:
    try:
        return float(value), ""
    except ValueError:
        return math.inf, value
