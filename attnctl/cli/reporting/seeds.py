"""The seeds that a report's comparisons need, from the index, with the commands that train them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attnctl.cli.reporting.request import Gathered, Request, gather, resolved
from attnctl.reports import seed_plan
from attnctl.reports.seed_plan import Need
from attnctl.reports.selection import Options
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.db import Index
    from attnctl.reports.table import ReportTable


@dataclass(frozen=True, kw_only=True)
class Question:
    """What seeds are counted for. target: a sweep, a paper's table such as ela:3, or None for the only sweep.

    width: the half-width of a gap's interval. gap: None for the measured ones. by_width: what the command is for
    """

    target: str | None
    rows: tuple[str, ...] = ()
    metric: str | None = None
    width: float
    gap: float | None
    by_width: bool

    @property
    def request(self) -> Request:
        """The report whose comparisons are planned."""
        is_table = self.target is not None and ":" in self.target
        return Request(
            sweeps=() if is_table or self.target is None else (self.target,),
            table=self.target if is_table else None,
            options=Options(rows=self.rows),
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The plan as a table, the seeds that all of its comparisons need together, and the commands that train them.

    hours: of all processes, by the cost model; None if unknown. unit: what they are hours of
    """

    table: ReportTable
    seeds: tuple[int, ...]
    runs: int
    hours: float | None
    commands: tuple[str, ...]
    unit: str


def plan(index: Index, question: Question) -> Plan:
    """The answer, as the index was last refreshed. Raises SpecError where no comparison has two seeds."""
    request = resolved(index, question.request)
    gathered = gather(index, request)
    metric = seed_plan.metric_of(gathered.report, question.metric)
    found = seed_plan.needs(gathered.report, metric, question.width, question.gap)
    if not found:
        raise SpecError(
            f"no row has {metric} of two seeds or more, and a baseline or a published number beside it; "
            "train two seeds first, such as --seed 0,1"
        )
    hours, unit = _hours(index, gathered, found)
    title = f"{gathered.report.table.title}: seeds for {metric}"
    table = seed_plan.table(found, title, question.width, hours, by_width=question.by_width, unit=unit)
    counts = [count for need in found if (count := need.wanted(by_width=question.by_width)) is not None]
    seeds = _seeds(gathered, found, max(counts, default=0))
    new = _new(found, len(seeds))
    known = all(name in hours for name in new)
    return Plan(
        table=table,
        seeds=seeds,
        runs=sum(new.values()),
        hours=sum(hours[name] * count for name, count in new.items()) if known else None,
        commands=tuple(_commands(index, request, found, seeds)) if new else (),
        unit=unit,
    )


def _seeds(gathered: Gathered, found: Sequence[Need], count: int) -> tuple[int, ...]:
    """So many seeds: those of the runs behind the comparisons first, then the lowest others."""
    behind = {run for need in found for side in need.runs for run in side}
    seeds = sorted({row.seed for row in gathered.rows if row.id in behind})
    free = (seed for seed in range(count + len(seeds)) if seed not in set(seeds))
    return tuple(sorted([*seeds[:count], *(next(free) for _ in range(count - len(seeds)))]))


def _new(found: Sequence[Need], count: int) -> dict[str, int]:
    """By row, the runs that so many seeds need; a baseline counts once, under the name of a row that it belongs to."""
    new: dict[tuple[str, ...], tuple[str, int]] = {}
    for need in found:
        for side, number in zip(need.runs, need.new(count), strict=True):
            if number:
                new.setdefault(side, (need.name, number))
    totals: dict[str, int] = {}
    for name, number in new.values():
        totals[name] = totals.get(name, 0) + number
    return totals


def _hours(index: Index, gathered: Gathered, found: Sequence[Need]) -> tuple[dict[str, float], str]:
    """Hours of one more run of each row, on a machine that one of its runs had; and what they are hours of."""
    from attnctl.cost import CostModel, observations

    measured = observations(index.workspace, index)
    machines = {item.run: item.machine for item in sorted(measured, key=lambda item: item.at)}
    model, rows = CostModel(measured), {row.id: row for row in gathered.rows}
    hours: dict[str, float] = {}
    unit = "CPU process-hours"
    for need in found:
        run = next((run for run in need.runs[0] if run in machines and run in rows), None)
        if run is None:
            continue
        machine = machines[run]
        estimate = model.estimate(rows[run].spec, machine)
        unit = "GPU-hours" if machine.on_gpu else unit
        if estimate is not None:
            hours[need.name] = estimate.likely * machine.world / 3600
    return hours, unit


def _commands(index: Index, request: Request, found: Sequence[Need], seeds: Sequence[int]) -> Sequence[str]:
    if request.table is not None:
        names = tuple(dict.fromkeys(need.name for need in found))
        options = replace(request.options, seeds=tuple(seeds), rows=request.options.rows and names)
        return gather(index, replace(request, options=options, missing=True)).missing
    sweeps = [item for item in index.sweeps() if not request.sweeps or item.name in request.sweeps]
    return [_again(item.command, item.name, seeds) for item in sweeps]


def _again(command: Sequence[str], name: str, seeds: Sequence[int]) -> str:
    """The command of a sweep with other seeds."""
    words, skip = ["attnctl"], False
    for word in command:
        if not skip and word != "--seed" and not word.startswith("--seed="):
            words.append(word)
        skip = word == "--seed"
    return shlex.join([*words, "--seed", as_typed(seeds), *([] if "--name" in command else ["--name", name])])


def as_typed(seeds: Sequence[int]) -> str:
    """Seeds as --seed takes them: `0..4,7`."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ",".join(f"{part[0]}..{part[-1]}" if len(part) > 2 else ",".join(map(str, part)) for part in parts)


def words(plan: Plan) -> str:
    """The total of a plan: `12 seeds for all rows: 35 new runs, 1.2 GPU-hours`."""
    from attnctl.units import quantity

    cost = f", about {plan.hours:.3g} {plan.unit}" if plan.hours is not None else ""
    return f"{quantity(len(plan.seeds), 'seed')} for all of these rows: {quantity(plan.runs, 'new run')}{cost}"


def in_json(plan: Plan) -> Mapping[str, object]:
    """The plan as JSON values."""
    return {
        "table": plan.table.to_json(),
        "seeds": list(plan.seeds),
        "runs": plan.runs,
        "hours": plan.hours,
        "unit": plan.unit if plan.hours is not None else None,
        "commands": list(plan.commands),
    }
