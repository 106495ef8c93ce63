"""Runs that a user may look for in a paper's table and that are in none of its rows: which they are, and why."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attnctl.reports.published.extra_rows import training_of, trainings
from attnctl.spec import NO_MODULE, recipe_fields
from attnctl.units import plural, quantity
from attnctl.values import Scalar, first_of, format_value

if TYPE_CHECKING:
    from attnctl.db import Index, RunRow
    from attnctl.papers import PaperTable
    from attnctl.papers.runs import Cells
    from attnctl.reports.published.extra_rows import Training

_NAMED = 3
"""The maximum number of sweeps, networks and recipe fields that a line names."""


def notes(index: Index, table: PaperTable, name: str, cells: Sequence[Cells], runs: Sequence[RunRow]) -> list[str]:
    """Which runs are in no row, why, and what to type; empty if there are none. name: of the table, such as ela:3.

    Once the table has a run, these are only runs of its modules that no sweep of a paper's table asked for; until then
    all runs.
    """
    rows = list(trainings(cells))
    outside = _outside(index, table, cells, runs)
    if not outside:
        return []
    sweeps = _sweeps(index, outside)
    show = f"`attnctl report {shlex.quote(sweeps[0])}`" if sweeps else "`attnctl report`"
    if not rows:
        return [f"the numbers of {name} are computed, not trained; {show} shows the runs here"]
    networks = {row[:3] for row in rows}
    same = [run for run in outside if training_of(run)[:3] in networks]
    others = [run for run in outside if training_of(run)[:3] not in networks]
    lines = []
    if others:
        theirs, ours = _networks(rows), _networks([training_of(run) for run in others])
        verb = plural(len(others), "it trains", "they train")
        lines.append(f"{_in_no_row(index, others, name)}: {verb} {ours}, and the rows train {theirs}")
    if same:
        verb = plural(len(same), "its recipe differs", "their recipes differ")
        lines.append(f"{_in_no_row(index, same, name)}: {verb} from the rows' ({_fields(same, rows)})")
    them = plural(len(outside), "it", "them")
    return [*lines, f"{show} shows {them}; `attnctl sweep --table {shlex.quote(name)}` trains the rows of the table"]


def _outside(index: Index, table: PaperTable, cells: Sequence[Cells], runs: Sequence[RunRow]) -> list[RunRow]:
    known = {spec.family for item in cells for spec in item.specs}
    rows = trainings(cells)
    inside = {run.id for run in runs if run.family in known or training_of(run) in rows}
    outside = [run for run in runs if run.family and run.id not in inside]
    if not inside or not outside:
        return outside
    modules = {row.setup.module for row in table.rows} | {table.paper.lower()}
    asked = {family for sweep in index.table_sweeps() for family in index.sweep_families(sweep.name)}
    return [run for run in outside if run.module in modules - {NO_MODULE} and run.family not in asked]


def _in_no_row(index: Index, runs: Sequence[RunRow], name: str) -> str:
    """Such as `2 runs (sweep ela-digits) are in no row of ela:3`."""
    sweeps = _sweeps(index, runs)
    named = f" ({plural(len(sweeps), 'sweep')} {first_of(sweeps, _NAMED)})" if sweeps else ""
    return f"{quantity(len(runs), 'run')}{named} {plural(len(runs), 'is', 'are')} in no row of {name}"


def _sweeps(index: Index, runs: Sequence[RunRow]) -> list[str]:
    """The sweeps of these runs, newest first."""
    ids = {run.id for run in runs}
    return [sweep.name for sweep in reversed(index.sweeps()) if not ids.isdisjoint(sweep.runs)]


def _networks(trainings: Sequence[Training]) -> str:
    """Such as `resnet20 on digits`."""
    names = [f"{f'{model} {backbone}'.strip()} on {dataset}" for model, backbone, dataset, _ in trainings]
    return first_of([*dict.fromkeys(names)], _NAMED)


def _fields(runs: Sequence[RunRow], rows: Sequence[Training]) -> str:
    """Such as `epochs=1 instead of 300`: of each run against the row whose recipe is the nearest."""
    found: dict[str, str] = {}
    for training in {training_of(run): None for run in runs}:
        recipes = [row[3] for row in rows if row[:3] == training[:3]]
        nearest = min((_differing(training[3], recipe) for recipe in recipes), key=len)
        for name, words in nearest.items():
            found.setdefault(name, words)
    return first_of([*found.values()], _NAMED)


def _differing(ours: Sequence[Scalar], theirs: Sequence[Scalar]) -> dict[str, str]:
    pairs = zip(recipe_fields(), ours, theirs, strict=True)
    return {
        name: f"{name}={format_value(own)} instead of {format_value(other)}"
        for name, own, other in pairs
        if own != other
    }
