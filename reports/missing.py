"""The commands that train what a report lacks. What is queued or runs is on its way, and not missing."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from attnctl import papers
from attnctl.db import RunRow
from attnctl.lifecycle.state import State
from attnctl.papers.runs import Overrides
from attnctl.reports.published.candidates import Chosen
from attnctl.reports.replicates import Replicates
from attnctl.workspace.records import Sweep

_FILLED = {State.COMPLETED, State.DIVERGED}
"""Training again gives nothing else: a run that diverged diverges again."""

_AGAIN = "--retry-failed"


def of_table(table: papers.PaperTable, paper: str, chosen: Mapping[tuple[str, str], Chosen]) -> list[str]:
    """What to type, one command for all rows that lack the same seeds and are trained with the same settings.

    Nothing when nothing is missing. paper: its name, or its file. chosen: the runs of each cell that is looked at
    """
    items: dict[str, list[Replicates]] = {}
    overrides: dict[str, Overrides] = {}
    for (row, _), item in chosen.items():
        if item.candidates:
            items.setdefault(row, []).extend(item.candidates)
            overrides[row] = item.cells.overrides
    lacking: dict[tuple[tuple[int, ...], bool, object], list[str]] = {}
    for row, candidates in items.items():
        seeds, again = _lacking(candidates)
        if seeds:
            lacking.setdefault((seeds, again, overrides[row].key), []).append(row)
    every = {name for name, _ in chosen} == {row.name for row in table.rows}
    return [
        shlex.join(
            _words(
                table, paper, () if every and len(rows) == len(items) else rows, seeds, overrides[rows[0]], again=again
            )
        )
        for (seeds, again, _), rows in lacking.items()
    ]


def of_sweep(sweep: Sweep, rows: Sequence[RunRow]) -> list[str]:
    """The command of a sweep once more, if that trains something; nothing when nothing is missing."""
    states = {row.id: State(row.state) for row in rows}
    ended = [state for run in sweep.runs if (state := states.get(run)) is not None and _is_open(state)]
    if not ended and all(run in states for run in sweep.runs):
        return []
    return [again(sweep, retry=any(state.failed for state in ended))]


def again(sweep: Sweep, *, retry: bool = False) -> str:
    """The command of a sweep once more. retry: with the runs that failed."""
    words = ["attnctl", *sweep.command]
    if "--name" not in sweep.command:
        words += ["--name", sweep.name]
    if _AGAIN not in words and retry:
        words.append(_AGAIN)
    return shlex.join(words)


def _lacking(candidates: Iterable[Replicates]) -> tuple[tuple[int, ...], bool]:
    """The seeds for which something is to be trained, and whether some of it has failed before."""
    seeds: set[int] = set()
    again = False
    for runs in candidates:
        states = {row.seed: State(row.state) for row in runs.rows}
        ended = {seed for seed, state in states.items() if _is_open(state)}
        seeds |= ended | (set(runs.seeds) - set(states))
        again = again or any(states[seed].failed for seed in ended)
    return tuple(sorted(seeds)), again


def is_open(row: RunRow) -> bool:
    """Whether a run ended, and another start may give its number."""
    return _is_open(State(row.state))


def _is_open(state: State) -> bool:
    """Whether a run ended, and another start may give its number."""
    return not state.active and state not in _FILLED


def _words(
    table: papers.PaperTable,
    paper: str,
    rows: Sequence[str],
    seeds: Sequence[int],
    overrides: Overrides,
    *,
    again: bool,
) -> Iterator[str]:
    yield from ("attnctl", "sweep", "--paper", paper, "--table", table.number)
    if rows:
        yield from ("--rows", ",".join(row.replace(",", "?") for row in rows))  # ? is any character
    yield from replace(overrides, seeds=tuple(map(str, seeds))).options()
    if again:
        yield _AGAIN
