"""A report that is frozen in a file: later runs cannot change its numbers, and what is behind them is watched.

The file holds the whole table, what was asked for, and the metrics of every run behind a cell. When the report is asked
for again the table is the one in the file, after its runs were found to be there with the very same metrics.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnctl.db import RunRow
from attnctl.files import open_regular, write_atomic
from attnctl.reports.report import Report
from attnctl.reports.table import ReportTable, all_rows
from attnctl.units import plural, quantity
from attnctl.values import SpecError, comma_join
from attnctl.workspace import untrusted_json

VERSION = 1
"""Of the file's format."""

LARGEST = 1 << 24
"""Bytes of a file. A run takes about a thousand."""

_LAST_MOMENT = 1e11
"""In the year 5138."""

_MOST_DECIMALS = 20
_MOST_NAMED = 20
"""Runs that a message names."""

_RECORD = {"family": str, "versions": str, "seed": int, "last": dict[str, float], "best": dict[str, float]}
"""What `_record` gives of a run."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """request: option -> words, as it was asked for. runs: id -> family, versions, seed, and metrics."""

    made: float
    request: Mapping[str, str]
    runs: Mapping[str, Mapping[str, Any]]
    report: Report


def write(path: Path, report: Report, rows: Sequence[RunRow], request: Mapping[str, str], now: float) -> Lock:
    """Freeze a report. rows: the runs behind it. now: Unix seconds."""
    behind = set(report.runs())
    lock = Lock(
        made=now,
        request=request,
        runs={row.id: _record(row) for row in rows if row.id in behind},
        report=report,
    )
    document = {
        "attnctl_report_lock": VERSION,
        "made": lock.made,
        "request": dict(request),
        "runs": lock.runs,
        "names": report.names,
        "warnings": report.warnings,
        "table": report.table.to_json(),
        "printed": report.printed.to_json() if report.printed is not None else None,
    }
    data = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    if len(data) > LARGEST:
        raise SpecError(f"this report has too many runs to be locked in one file: {len(data) >> 20} MiB")
    write_atomic(path, data)
    return lock


def read(path: Path) -> Lock | None:
    """The frozen report in a file, none when there is no file. Raises SpecError when it is something else.

    Takes bounded memory, and gives a report that can be drawn, whatever the file contains.
    """
    try:
        with open_regular(path) as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
        document = untrusted_json.loads_object(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SpecError(f"{path} is not a locked report: {error}") from error
    if document.get("attnctl_report_lock") != VERSION:
        raise SpecError(f"{path} is not a locked report; --lock creates a new file")
    try:
        lock = untrusted_json.decode(Lock, document | {"report": document}, largest=math.inf)
        _check_consistent(lock)
    except ValueError as error:
        raise SpecError(f"{path} is a damaged locked report: {error}") from error
    return lock


def _check_consistent(lock: Lock) -> None:
    """Raise ValueError unless the parts of a lock fit together, as those of every lock that was written do."""
    if not 0 <= lock.made <= _LAST_MOMENT:
        raise ValueError(f"made is {lock.made}")
    for table in filter(None, (lock.report.table, lock.report.printed)):
        _check_table(table, len(lock.report.names))
    for run, record in lock.runs.items():
        if not all(untrusted_json.fits(record.get(name), hint, math.inf) for name, hint in _RECORD.items()):
            raise ValueError(f"run {run[:80]} has no {comma_join(list(_RECORD))}")


def _check_table(table: ReportTable, names: int) -> None:
    """Raise ValueError unless a table can be drawn. names: of its rows."""
    rows = [row for _, row in all_rows(table)]
    if names != len(rows):
        raise ValueError(f"it has {quantity(len(rows), 'row')} and {quantity(names, 'name')}")
    if any(len(row.cells) != len(table.columns) or len(row.header) != len(table.headers) for row in rows):
        raise ValueError("a row has another number of cells than the table has columns")
    for column in table.columns:
        if not 0 <= column.decimals <= _MOST_DECIMALS or not column.scale:
            raise ValueError(f"column {column.name[:80]} has {column.decimals} decimals and scale {column.scale}")


def check_request(path: Path, lock: Lock, request: Mapping[str, str]) -> None:
    """Raise SpecError when something else is asked for than was locked. request: only what was asked for."""
    for option, words in request.items():
        locked = lock.request.get(option, "")
        if words != locked:
            was = f"with {option} {locked}" if locked else f"without {option}"
            raise SpecError(f"{path} was locked {was}, not with {option} {words}; use another file for that")


def check_runs(path: Path, lock: Lock, rows: Sequence[RunRow]) -> None:
    """Raise SpecError that names the runs behind the report that are gone, or have other metrics than they had."""
    now = {row.id: _record(row) for row in rows}
    gone = [run for run in lock.runs if run not in now]
    if gone:
        runs, are = quantity(len(gone), "run"), plural(len(gone), "is", "are")
        raise SpecError(f"{path}: {runs} of it {are} no longer in this workspace: {_first(gone, ', ')}")
    locked = {run: {name: record[name] for name in _RECORD} for run, record in lock.runs.items()}
    changed = [_change(run, record, now[run]) for run, record in locked.items() if now[run] != record]
    if changed:
        raise SpecError(f"{path}: since it was locked, {_first(changed, '; ')}")


def _first(items: Sequence[str], separator: str) -> str:
    more = len(items) - _MOST_NAMED
    return separator.join([item[:200] for item in items[:_MOST_NAMED]]) + (f" and {more} more" if more > 0 else "")


def _record(row: RunRow) -> dict[str, Any]:
    return {
        "family": row.family,
        "versions": row.versions,
        "seed": row.seed,
        "last": dict(row.metrics),
        "best": dict(row.best),
    }


def _change(run: str, locked: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Such as `run ab12: last top1 was 90.0 and is 91.0`."""
    for part in ("last", "best"):
        for name in sorted({*locked[part], *now[part]}):
            before, after = locked[part].get(name), now[part].get(name)
            if before != after:
                return f"run {run}: {part} {name} was {before} and is {after}"
    name = next(name for name in now if locked[name] != now[name])
    return f"run {run}: {name} was {locked.get(name)} and is {now[name]}"
