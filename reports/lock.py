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
from attnctl.files import read_regular, write_atomic
from attnctl.reports.report import Report
from attnctl.units import plural, quantity
from attnctl.values import SpecError, comma_join
from attnctl.workspace import untrusted_json

VERSION = 1
"""Of the file's format."""


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
    }
    write_atomic(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    return lock


def read(path: Path) -> Lock | None:
    """The frozen report in a file, none when there is no file. Raises SpecError when it is something else."""
    try:
        document = untrusted_json.loads_object(read_regular(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SpecError(f"{path} is not a locked report: {error}") from error
    if document.get("attnctl_report_lock") != VERSION:
        raise SpecError(f"{path} is not a locked report; --lock creates a new file")
    try:
        return untrusted_json.decode(Lock, document | {"report": document}, largest=math.inf)
    except ValueError as error:
        raise SpecError(f"{path} is a damaged locked report: {error}") from error


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
        raise SpecError(f"{path}: {runs} of it {are} no longer in this workspace: {comma_join(gone)}")
    changed = [_change(run, record, now[run]) for run, record in lock.runs.items() if now[run] != record]
    if changed:
        raise SpecError(f"{path}: since it was locked, {'; '.join(changed)}")


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
    name = next(name for name in now if locked.get(name) != now[name])
    return f"run {run}: {name} was {locked.get(name)} and is {now[name]}"
