"""`attnctl status`: one row a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output, sweep_records
from attnctl.cli.refresh import Snapshot, row_json, seconds_left, take, until_all_end
from attnctl.models import WORDS
from attnctl.settings.config import Config
from attnctl.units import duration, quantity

if TYPE_CHECKING:
    from rich.console import Group

    from attnctl.db import RunRow

COLUMNS = ("run", "module", "backbone", "dataset", "seed", "state", "since", "progress", "left", "last metrics", "why")


def status(
    sweep: Annotated[
        str | None, typer.Argument(help="A sweep; all runs unless named.", autocompletion=completion.sweeps)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw until all runs have ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object with a list `runs`.")] = False,
) -> None:
    """Show what runs, what has ended and why."""
    config = context.config()
    ids = None if sweep is None else sweep_records.read(config.workspace, sweep).runs
    if watch:
        now = follow(config, ids)
    else:
        with context.index() as index:
            now = take(config, index, ids)
    if as_json:
        output.document({"runs": [row_json(row) for row in now.rows], "unavailable": now.words})
    elif not watch:
        _print(now)


def follow(config: Config, ids: Sequence[str] | None) -> Snapshot:
    """Show the runs until all have ended, in place on a terminal, else a line for each change; the last snapshot."""
    snapshots = until_all_end(config, ids)
    return _redraw(snapshots) if output.is_terminal() else _changes(snapshots)


def cells(row: RunRow, at: float) -> list[str]:
    """A run as the cells of COLUMNS."""
    left = seconds_left(row)
    return [
        row.id[:8],
        row.label,
        row.network,
        row.dataset,
        str(row.seed),
        row.state,
        duration(max(0.0, at - row.since)),
        f"{row.step or 0}/{row.steps}" if row.steps else "",
        duration(left) if left is not None else "",
        _metrics(row),
        _why(row),
    ]


def _why(row: RunRow) -> str:
    """Why it is in its state."""
    return row.reason or row.problem or row.alarm or ""


def _metrics(row: RunRow) -> str:
    """The last evaluation: `top-1 91.22, loss 0.312 (epoch 4)`, `AP 31.20 (epoch 4)`."""
    shown = [
        f"{words} {row.metrics[name]:{form}}"
        for name, words, form in (*((name, words, ".2f") for name, words in WORDS.items()), ("loss", "loss", ".4g"))
        if name in row.metrics
    ]
    epoch = f" (epoch {row.epoch})" if shown and row.epoch is not None else ""
    return ", ".join(shown) + epoch


def totals(rows: Sequence[RunRow]) -> str:
    """In words: `4 runs: 2 running, 2 completed`."""
    states = [row.state for row in rows]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return quantity(len(rows), "run") + (f": {counted}" if counted else "")


def _print(now: Snapshot) -> None:
    if now.words:
        output.note(now.words)
    if now.rows:
        output.table(*_shown(now, now.rows))
    output.line(totals(now.rows))


def _shown(now: Snapshot, rows: Sequence[RunRow]) -> tuple[list[str], list[list[str]]]:
    """The columns of which at least one row has something, and their cells."""
    filled = [cells(row, now.at) for row in rows]
    kept = [k for k, _ in enumerate(COLUMNS) if any(row[k] for row in filled)]
    return [COLUMNS[k] for k in kept], [[row[k] for k in kept] for row in filled]


def _changes(snapshots: Iterator[Snapshot]) -> Snapshot:
    """For a pipe: a line when a run's state changes, and when the scheduler falls silent or speaks again."""
    states: dict[str, str] = {}
    words: str | None = None
    for now in snapshots:
        if now.words != words:
            output.note(now.words or "the scheduler answers again")
            words = now.words
        for row in now.rows:
            if states.get(row.id) != row.verdict.state:
                states[row.id] = row.verdict.state
                output.note("  ".join(filter(None, cells(row, now.at))))
    return now


def _redraw(snapshots: Iterator[Snapshot]) -> Snapshot:
    from rich.live import Live

    with Live(console=output.console(), auto_refresh=False, vertical_overflow="crop") as live:
        for now in snapshots:
            live.update(_screen(now, output.console().height), refresh=True)
        live.update(_screen(now, None), refresh=True)
    return now


def _screen(now: Snapshot, height: int | None) -> Group:
    """The display: what is under way first when not all fits. height: lines of the terminal, None for all rows."""
    from rich.console import Group
    from rich.text import Text

    rows = list(now.rows)
    room = len(rows) if height is None else max(1, height - 5)
    if len(rows) > room:
        rows.sort(key=lambda row: not row.verdict.state.active)
    hidden = len(rows) - len(rows[:room])
    parts = [Text(now.words, style="yellow")] if now.words else []
    return Group(
        *parts,
        output.rich_table(*_shown(now, rows[:room])),
        Text(totals(now.rows) + (f" ({hidden} not shown)" if hidden else "")),
    )
