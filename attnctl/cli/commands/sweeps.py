"""`attnctl sweeps`: the sweeps of a workspace."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attnctl.cli import context, output
from attnctl.cli.refresh import take
from attnctl.cli.table_layout import Column
from attnctl.units import clock, quantity
from attnctl.workspace import user_notes

if TYPE_CHECKING:
    from attnctl.db import RunRow
    from attnctl.workspace.records import Sweep
    from attnctl.workspace.user_notes import Annotation

COLUMNS = (
    Column("sweep", shrink=24),
    Column("created"),
    Column("last change", drop=1),
    Column("runs"),
    Column("states", wrap=16),
    Column("tags", wrap=12, optional=True),
    Column("command", free=True),
    Column("note", free=True, optional=True),
)


def sweeps(as_json: context.AsJson = False) -> None:
    """List the sweeps with their runs, dates and commands.

    Examples:
        attnctl sweeps
        attnctl sweeps --json
    """
    config = context.config()
    with context.index() as index:
        now = take(config, index, None)
        records, broken = index.sweeps(), index.broken_sweeps()
    written = user_notes.sweeps(config.workspace)
    rows = {row.id: row for row in now.rows}
    if as_json:
        documents = [
            _document(sweep, _members(sweep, rows), written.get(sweep.name, user_notes.NOTHING)) for sweep in records
        ]
        output.document({"sweeps": documents, "broken": broken, "unavailable": now.unavailable})
        return
    if now.unavailable:
        output.note(now.unavailable)
    for problem in broken.values():
        output.note(f"left out: {problem}")
    if records:
        cells = [_cells(sweep, _members(sweep, rows), written.get(sweep.name, user_notes.NOTHING)) for sweep in records]
        output.table(COLUMNS, cells)
    output.prose(_total(records, rows))


def _members(sweep: Sweep, rows: Mapping[str, RunRow]) -> list[RunRow]:
    return [rows[run] for run in dict.fromkeys(sweep.runs) if run in rows]


def _cells(sweep: Sweep, members: Sequence[RunRow], written: Annotation) -> list[str]:
    states = [f"{count} {state}" for state, count in _states(sweep, members).items()]
    changed = _last_change(members)
    return [
        sweep.name,
        clock(sweep.created, seconds=False),
        clock(changed, seconds=False) if changed is not None else "",
        str(len(set(sweep.runs))),
        ", ".join(states),
        ", ".join(written.tags),
        shlex.join(["attnctl", *sweep.command]),
        written.note,
    ]


def _states(sweep: Sweep, members: Sequence[RunRow]) -> dict[str, int]:
    """State -> number of runs, the most frequent first; runs without a folder are `missing`."""
    missing = len(set(sweep.runs)) - len(members)
    return dict(Counter(row.state for row in members).most_common()) | ({"missing": missing} if missing else {})


def _last_change(members: Sequence[RunRow]) -> float | None:
    """When something last happened in one of the runs."""
    return max((max(row.since, row.heartbeat or 0.0) for row in members), default=None)


def _document(sweep: Sweep, members: Sequence[RunRow], written: Annotation) -> dict[str, Any]:
    return {
        "name": sweep.name,
        "created": sweep.created,
        "last_change": _last_change(members),
        "command": ["attnctl", *sweep.command],
        "runs": list(dict.fromkeys(sweep.runs)),
        "states": _states(sweep, members),
        "paper": sweep.paper,
        "table": sweep.table,
        "figure": sweep.figure,
        "tags": written.tags,
        "note": written.note,
    }


def _total(records: Sequence[Sweep], rows: Mapping[str, RunRow]) -> str:
    alone = len(rows.keys() - {run for sweep in records for run in sweep.runs})
    others = f"; {quantity(alone, 'run')} in no sweep" if alone else ""
    return quantity(len(records), "sweep") + others
