"""Shell completion: the names that a command's words can be. A comma list is completed at its last part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attnctl.cli import context
from attnctl.values import SpecError

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
    """The attention modules, and the plain backbone."""
    from attnctl import attention

    return last_of_list(incomplete, ("none", *attention.names()))


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
    from attnctl.datasets import own

    recorded = _of_workspace(lambda config: own.recorded(config.workspace.datasets))
    return [*last_of_list(incomplete, (*datasets.names(), *recorded)), *_folders(incomplete)]


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
    """The run ids of the workspace."""
    return last_of_list(incomplete, _of_workspace(lambda config: config.workspace.run_ids()))


def sweeps(incomplete: str) -> list[str]:
    """The sweeps of the workspace."""
    return last_of_list(incomplete, _of_workspace(lambda config: config.workspace.sweep_names()))


def runs_and_sweeps(incomplete: str) -> list[str]:
    """Both."""
    return [*sweeps(incomplete), *runs(incomplete)]


def _of_workspace(names: Callable[[Any], Iterable[str]]) -> list[str]:
    """Names from the workspace; empty without one, since a completion cannot report errors."""
    try:
        return list(names(context.config()))
    except (SpecError, OSError):
        return []
