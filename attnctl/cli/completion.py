"""Shell completion: the names that a command's words can be. A comma list is completed at its last part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnctl.cli import context
from attnctl.values import SpecError, choices

if TYPE_CHECKING:
    from attnctl.papers import Paper

Completion = Callable[[str], list[str]]


def last_of_list(incomplete: str, names: Iterable[object]) -> list[str]:
    """The comma lists that the last part of `incomplete` can become."""
    before, comma, part = incomplete.rpartition(",")
    taken = before.split(",")
    return [f"{before}{comma}{name}" for name in map(str, names) if name.startswith(part) and name not in taken]


def one_of(names: Iterable[object]) -> Completion:
    """A completion by a fixed list of names."""
    known = list(names)

    def complete(incomplete: str) -> list[str]:
        return last_of_list(incomplete, known)

    return complete


def modules(incomplete: str) -> list[str]:
    """The attention modules, the plain backbone, and groups of modules."""
    from attnctl import attention, groups

    own = _of_workspace(lambda config: config.groups)
    every = [groups.PREFIX + name for name in groups.names(own)]
    return last_of_list(incomplete, ("none", *attention.names(), *every))


def papers(incomplete: str) -> list[str]:
    """The papers."""
    from attnctl import papers

    return [name for name in papers.names() if name.startswith(incomplete)]


def backbones(incomplete: str) -> list[str]:
    """The backbones."""
    from attnctl import backbones

    return last_of_list(incomplete, backbones.names())


def models(incomplete: str) -> list[str]:
    """The models around a backbone."""
    from attnctl import models

    return last_of_list(incomplete, models.names())


def datasets(incomplete: str) -> list[str]:
    """The data sets."""
    from attnctl import datasets
    from attnctl.datasets import hub, own

    recorded = _of_workspace(lambda config: own.recorded(config.workspace.datasets))
    cached = [f"{hub.PREFIX}{name}" for name in hub.cached_names()] if hub.PREFIX in incomplete else []
    return [*last_of_list(incomplete, (*datasets.names(), *recorded, *cached)), *_folders(incomplete)]


def _folders(incomplete: str) -> list[str]:
    """The folders and Python files that the last part of a list can become, such as `./fl` to `./flowers`."""
    from attnctl.datasets import own

    before, comma, part = incomplete.rpartition(",")
    if not own.is_reference(part):
        return []
    folder, _, start = part.rpartition("/")
    base = Path(f"{folder}/").expanduser() if folder or part.startswith("/") else Path()
    try:
        found = sorted(path for path in base.iterdir() if path.name.startswith(start))
    except OSError:
        return []
    shown = [path for path in found if path.is_dir() and (start or not path.name.startswith("."))]
    return [f"{before}{comma}{folder}/{path.name}" for path in shown] if "/" in part else []


def placements(incomplete: str) -> list[str]:
    """The placements of all backbones and models."""
    from attnctl import backbones, models

    of_backbones = {place for name in backbones.names() for place in backbones.describe(name).placements}
    of_models = {place for name in models.names() for place in models.describe(name).placements}
    return last_of_list(incomplete, sorted(of_backbones | of_models))


def recipes(incomplete: str) -> list[str]:
    """The recipes."""
    from attnctl import recipes

    return last_of_list(incomplete, recipes.names())


def profiles(incomplete: str) -> list[str]:
    """The profiles of attnctl.toml."""
    return last_of_list(incomplete, _of_workspace(lambda config: config.profiles))


def runs(incomplete: str) -> list[str]:
    """The ids of the workspace's runs, and the names that they were given."""
    from attnctl.workspace import user_notes

    named = _of_workspace(lambda config: [item.name for item in user_notes.runs(config.workspace).values()])
    return last_of_list(
        incomplete, [*sorted(filter(None, named)), *_of_workspace(lambda config: config.workspace.run_ids())]
    )


def sweeps(incomplete: str) -> list[str]:
    """The sweeps of the workspace."""
    return last_of_list(incomplete, _of_workspace(lambda config: config.workspace.sweep_names()))


def runs_and_sweeps(incomplete: str) -> list[str]:
    """Both."""
    return [*sweeps(incomplete), *runs(incomplete)]


def run_tags(incomplete: str) -> list[str]:
    """The tags of the workspace's runs and sweeps."""
    from attnctl.workspace import user_notes

    def names(config: Any) -> set[str]:
        found = (*user_notes.runs(config.workspace).values(), *user_notes.sweeps(config.workspace).values())
        return {tag for item in found for tag in item.tags}

    return last_of_list(incomplete, sorted(_of_workspace(names)))


def tables(incomplete: str) -> list[str]:
    """The tables of the papers, such as ean:2; a comma list of numbers has no completion."""
    return _starting(incomplete, (f"{name}:{number}" for name, paper in _papers().items() for number in paper.tables))


def figures(incomplete: str) -> list[str]:
    """The figures of the papers, such as ean:3."""
    return _starting(incomplete, (f"{name}:{number}" for name, paper in _papers().items() for number in paper.figures))


def columns(incomplete: str) -> list[str]:
    """The keys of a report's columns: the metrics, what is counted, and the columns of papers' tables."""
    return last_of_list(incomplete, _column_keys())


def evaluated_metrics(incomplete: str) -> list[str]:
    """The metrics of `attnctl eval`."""
    from attnctl.metrics import ALL_MEASURED

    return last_of_list(incomplete, (*(name for name in ALL_MEASURED if not name.startswith("train_")), "ece"))


def sort_keys(incomplete: str) -> list[str]:
    """The keys of columns, each also with the - that sorts descending."""
    return _starting(incomplete, [*_column_keys(), *(f"-{key}" for key in _column_keys())])


def pivot_axes(incomplete: str) -> list[str]:
    """What the columns of a pivoted comparison can be of."""
    from attnctl import attention
    from attnctl.spec import recipe_fields

    own = {item.name for name in attention.names() for item in attention.describe(name).hyperparameters}
    return _starting(incomplete, ("backbone", "dataset", "placement", "sweep", *sorted(own), *recipe_fields()))


def run_sort_keys(incomplete: str) -> list[str]:
    """What `attnctl status` sorts by, each also with the - that sorts descending."""
    from attnctl.metrics import BY_KEY

    keys = ("module", "state", "since", *BY_KEY)
    return _starting(incomplete, [*keys, *(f"-{key}" for key in keys)])


def axes(incomplete: str) -> list[str]:
    """What a plot can have on its x axis."""
    from attnctl import attention
    from attnctl.spec import recipe_fields

    own = {item.name for name in attention.names() for item in attention.describe(name).hyperparameters}
    return _starting(incomplete, dict.fromkeys(("epoch", "params", "macs", "latency", *sorted(own), *recipe_fields())))


def parameters(incomplete: str) -> list[str]:
    """`MODULE.NAME=`, and after it the values that the hyperparameter can have, if they can be listed.

    Also the options of a recipe's parts, such as `loss.gamma=`, of every part that has a name.
    """
    from attnctl import attention
    from attnctl.recipe_parts import BUILT_IN
    from attnctl.recipes import timm_parts

    addressed, equals, values = incomplete.partition("=")
    declared = {
        f"{name}.{item.name}": item.declared
        for name in attention.names()
        for item in attention.describe(name).hyperparameters
    }
    for table in (BUILT_IN, timm_parts.TABLES):
        for kind, parts in table.items():
            declared |= {f"{kind}.{option.name}": option.declared for part in parts.values() for option in part}
    if not equals:
        return _starting(addressed, (f"{name}=" for name in declared))
    known = choices(declared[addressed]) if addressed in declared else ()
    return [f"{addressed}={listed}" for listed in last_of_list(values, known)]


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _papers() -> dict[str, Paper]:
    from attnctl import papers

    return {name: papers.load(name) for name in papers.names()}


def _column_keys() -> list[str]:
    from attnctl.metrics import ALL_MEASURED

    of_tables = (
        column.key for paper in _papers().values() for table in paper.tables.values() for column in table.columns
    )
    return list(dict.fromkeys((*ALL_MEASURED, "params", "macs", "fps", *of_tables)))


def _of_workspace(names: Callable[[Any], Iterable[str]]) -> list[str]:
    """Names from the workspace; empty without one, since a completion cannot report errors."""
    try:
        return list(names(context.config()))
    except (SpecError, OSError):
        return []
