"""Which runs are a row of the comparison, which rows are a group, and what both are called."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from attnctl.db import RunRow
from attnctl.recipe_parts import NONE, read, setting_text
from attnctl.reports import naming
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.replicates import Replicates, finished
from attnctl.reports.table import Fact, group_title
from attnctl.spec import NO_MODULE
from attnctl.units import clock
from attnctl.values import Scalar, format_value

_OWN = re.compile(r"ast:[0-9a-f]+")


@dataclass(frozen=True)
class Place:
    """What the rows of one group have in common. network: the backbone, after the model around it."""

    network: str
    dataset: str
    recipe: tuple[tuple[str, Scalar], ...] = ()
    """The fields in which the recipes for this backbone and data set differ."""
    own: str = ""
    """What else sets it apart, in words."""
    sweep: str = ""
    """The sweep of its runs, where sweeps are shown beside each other."""

    def title(self, names: DisplayNames) -> str:
        """Of the group."""
        return group_title(self.facts(names))

    def facts(self, names: DisplayNames) -> tuple[Fact, ...]:
        """What the title is of, by axis."""
        found = [
            ("backbone", self.network, names.network(self.network)),
            ("dataset", self.dataset, names.dataset(self.dataset)),
            *(item for name, value in self.recipe for item in _axes(name, value)),
            ("source", self.own, self.own),
            ("sweep", self.sweep, self.sweep),
        ]
        return tuple(Fact(axis=axis, value=value, shown=shown) for axis, value, shown in found if value)


def _axes(name: str, value: Scalar) -> list[tuple[str, str, str]]:
    """The axes of a recipe's field, with values and texts: each option of its parts is one."""
    if name == "part_options" and value != NONE:
        return [(option, text, f"{option}={text}") for option, text in read(str(value)).items()]
    return [(name, format_value(value), setting_text(name, value))]


def grouped(rows: Sequence[RunRow]) -> dict[Place, list[list[RunRow]]]:
    """Group -> its rows in order -> their runs, in the order of the seeds."""
    places = _places(rows)
    groups: dict[Place, dict[tuple[object, ...], list[RunRow]]] = {}
    for row in sorted(rows, key=lambda row: (row.network, row.dataset, repr(places[row.id].recipe), row.seed)):
        parts = groups.setdefault(places[row.id], {})
        parts.setdefault((row.label, row.placement, row.versions, row.lineage or row.family), []).append(row)
    return {place: sorted(parts.values(), key=lambda members: _order(members[0])) for place, parts in groups.items()}


def of_sweeps(rows: Sequence[RunRow], sweeps: Mapping[str, Sequence[str]]) -> dict[Place, list[list[RunRow]]]:
    """The groups of each sweep by themselves. sweeps: name -> ids of its runs, which may be in several."""
    found: dict[Place, list[list[RunRow]]] = {}
    for name, runs in sweeps.items():
        members = set(runs)
        own = grouped([row for row in rows if row.id in members])
        found |= {replace(place, sweep=name): lines for place, lines in own.items()}
    return found


def row_facts(row: RunRow, varying: Mapping[str, list[str]], names: DisplayNames) -> tuple[Fact, ...]:
    """What tells a row of a comparison apart, by axis."""
    plain = row.module == NO_MODULE
    module = (names.given.get(NO_MODULE) or "no attention") if plain else names.module(row.module)
    found = [("module", row.module, module), ("placement", row.placement, row.placement)]
    settings = row.hyperparameters
    found += [
        (name, settings[name], names.settings([(name, settings[name])], row.module)[1:-1])
        for name in varying[row.module]
        if name in settings
    ]
    return tuple(Fact(axis=axis, value=value, shown=shown) for axis, value, shown in found if value)


def own_versions(row: RunRow) -> tuple[str, ...]:
    """The versions of the users' files in a run's modules, backbone and recipe."""
    return tuple(_OWN.findall(row.versions))


def newest_versions(lines: Sequence[Sequence[RunRow]], files: Mapping[str, str]) -> list[Replicates]:
    """Of each row only the runs of the version of its code that was submitted last, in the order of the rows.

    The seeds of the other versions are wanted too, so that a version that has not all of them yet shows so. Versions
    of different files are no edits of each other, and neither are those that were submitted together: each is a row.
    files: version of a user's file -> where it was; unknown ones are left out.
    """
    cells: dict[tuple[object, ...], list[Sequence[RunRow]]] = {}
    for members in lines:
        row = members[0]
        places = tuple(files.get(version, "") for version in own_versions(row))
        cells.setdefault((row.label, row.placement, row.lineage or row.family, places), []).append(members)
    return [line for versions in cells.values() for line in _newest(versions)]


def _newest(versions: Sequence[Sequence[RunRow]]) -> Iterable[Replicates]:
    last = max(versions, key=last_submitted)
    moments = {row.created for row in last} - {None}
    beside = [members for members in versions if members is last or moments & {row.created for row in members}]
    older = [row for members in versions if members not in beside for row in members]
    for members in beside:
        wanted = {row.seed for row in (*members, *(older if members is last else ()))}
        left_out = sum(map(finished, older)) if members is last else 0
        yield Replicates(rows=tuple(members), seeds=tuple(sorted(wanted)), left_out=left_out)


def last_submitted(members: Sequence[RunRow]) -> float:
    """When the last of these runs was submitted; 0 if that is unknown."""
    return max(row.created or 0.0 for row in members)


def _places(rows: Sequence[RunRow]) -> Mapping[str, Place]:
    """The group of each run, by its id."""
    settings: dict[tuple[str, str], list[RunRow]] = defaultdict(list)
    for row in rows:
        settings[row.network, row.dataset].append(row)
    places = {}
    for (network, dataset), members in sorted(settings.items()):
        values = {row.id: row.recipe_values for row in members}
        recipes = {values[row.id]: row for row in members}  # few, of maybe thousands of runs
        differing = naming.varying(row.recipe for row in recipes.values())
        chosen = {
            recipe: Place(network, dataset, tuple((name, row.recipe.get(name)) for name in differing))
            for recipe, row in recipes.items()
        }
        places.update({run: chosen[recipe] for run, recipe in values.items()})
    return places


def varying_settings(rows: Sequence[RunRow]) -> Mapping[str, list[str]]:
    """Module -> the hyperparameters in which its runs here differ: these name its rows."""
    labelled = {row.label: row for row in rows}
    return naming.varying_by_module((row.module, row.hyperparameters) for row in labelled.values())


def _order(row: RunRow) -> tuple[object, ...]:
    return *naming.order(row.module, row.hyperparameters), row.placement, row.versions, row.family


def headers(
    lines: Sequence[Sequence[RunRow]],
    varying: Mapping[str, list[str]],
    names: DisplayNames | None = None,
    *,
    with_placement: bool,
) -> list[tuple[str, ...]]:
    """The texts of the rows of a group; two that would share them get what else tells them apart.

    names: what modules are called; without it, what is typed
    """
    found = [_header(members[0], varying, names, with_placement) for members in lines]
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for header, members in zip(found, lines, strict=True):
        alike[header].append(members[0].versions)
    return [
        (f"{header[0]} ({_apart(members, alike[header])})", *header[1:]) if len(alike[header]) > 1 else header
        for header, members in zip(found, lines, strict=True)
    ]


def _header(
    row: RunRow, varying: Mapping[str, list[str]], names: DisplayNames | None, with_placement: bool
) -> tuple[str, ...]:
    settings = [(name, row.hyperparameters[name]) for name in varying[row.module] if name in row.hyperparameters]
    name = names.row(row.module, settings, row.network) if names is not None else naming.typed(row.module, settings)
    return (name, row.placement) if with_placement else (name,)


def _apart(members: Sequence[RunRow], versions: Sequence[str]) -> str:
    """The version of their code, when they were submitted, and the weights that they began with.

    versions: those of all rows with this header
    """
    row, moment = members[0], last_submitted(members)
    submitted = f" of {clock(moment, seconds=False)}" if moment else ""
    return f"code {_differing_code(row.versions, versions)}{submitted}" + (f", from {row.init}" if row.init else "")


_DIGEST = re.compile(r"ast:([0-9a-f]{6})[0-9a-f]*")
"""Of a user's code; six digits tell versions of one file apart."""


def _differing_code(code: str, others: Sequence[str]) -> str:
    """The parts of a run's versions that the others do not all have, or all parts; that of a user's module is its hash.

    Such as `6cd7ad` of `module ast:6cd7adcc177ce19a, backbone 1`.
    """
    parts = code.split(", ")
    differing = [part for part in parts if not all(part in other.split(", ") for other in others)] or parts
    return ", ".join(_DIGEST.sub(r"\1", part.removeprefix("module ") if "ast:" in part else part) for part in differing)
