"""The report of a search: its ranking, and the commands that train its winners on all training images."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attnctl.cli import stalled_searches
from attnctl.cli.reporting import run_costs
from attnctl.reports import missing, search_ranking
from attnctl.reports.exchange import rerun_commands
from attnctl.reports.report import Report
from attnctl.reports.search_samples import Module, modules_of
from attnctl.values import SpecError
from attnctl.workspace.records import Search, Sweep

if TYPE_CHECKING:
    from attnctl.db import Index, RunRow
    from attnctl.reports.selection import Options


@dataclass(frozen=True)
class Ranking:
    """rows: the runs of the search, and its winners' on all training images. notes: how it goes on."""

    report: Report
    rows: Sequence[RunRow]
    notes: Sequence[str]


SEEDS = (0, 1, 2)
"""With which a winner is trained again, unless --seed says it."""


def report(index: Index, sweep: Sweep, search: Search, rows: Sequence[RunRow], options: Options) -> Ranking:
    """The ranking of a search. rows: its runs. Raises SpecError for an option that only comparisons have."""
    _check(options)
    modules = modules_of(search, _in_order(sweep, rows), options.epoch)
    winners = [sample.on_all_images for module in modules if (sample := module.winner) is not None]
    trained = index.families({spec.family for spec in winners})
    if options.seeds:
        trained = {family: [row for row in found if row.seed in options.seeds] for family, found in trained.items()}
    hours = run_costs.hours(index, rows)
    made = search_ranking.build(search, modules, trained, hours, f"Search {sweep.name}", options)
    lacking = [module for module in modules if module.winner is None or not _tested(module, trained)]
    words = f"`attnctl report {shlex.quote(sweep.name)} --missing` prints the commands that train what is missing"
    behind = [row for found in trained.values() for row in found]
    stalled = stalled_searches.notes(index.workspace, [sweep.name])
    return Ranking(made, [*rows, *behind], (*stalled, *((words,) if lacking else ())))


def commands(index: Index, sweep: Sweep, search: Search, rows: Sequence[RunRow], options: Options) -> list[str]:
    """What to type: the search again until all of its samples have ended, then the winners on all training images."""
    modules = modules_of(search, _in_order(sweep, rows), options.epoch)
    if any(len(module.samples) < module.wanted for module in modules):
        return [missing.again(sweep)]
    again = missing.of_sweep(sweep, rows)
    if again:
        return again
    found = []
    for module in modules:
        if module.winner is None:
            continue
        spec = module.winner.on_all_images
        trained = index.families({spec.family}).get(spec.family, ())
        there = {row.seed for row in trained if not missing.is_open(row)}
        wanted = [replace(spec, seed=seed) for seed in options.seeds or SEEDS if seed not in there]
        kept = index.workspace.sources
        found += [item.command for item in rerun_commands.commands(wanted, kept, str(kept), {})]
    return [f"{command} --name {shlex.quote(f'{sweep.name}-winners')}" for command in found]


def _tested(module: Module, trained: Mapping[str, Sequence[RunRow]]) -> bool:
    return module.winner is not None and bool(trained.get(module.winner.on_all_images.family))


def _in_order(sweep: Sweep, rows: Sequence[RunRow]) -> list[RunRow]:
    place = {run: number for number, run in enumerate(sweep.runs)}
    return sorted(rows, key=lambda row: place.get(row.id, len(place)))


def _check(options: Options) -> None:
    given = {
        "--pivot": options.pivot,
        "--sort": options.sort,
        "--rows": options.rows,
        "--statistics": options.statistics,
        "--unpaired": options.unpaired,
    }
    for option, value in given.items():
        if value:
            raise SpecError(f"{option} is for a comparison; the samples of a search are ranked by held-out images")
