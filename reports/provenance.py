"""Where each number of a report comes from: its runs, their attempts, and the machines and software of these."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from attnctl.db import RunRow
from attnctl.reports.report import Report
from attnctl.reports.table import Cell, Origin, ReportColumn
from attnctl.units import clock, quantity
from attnctl.values import SpecError, comma_join, did_you_mean
from attnctl.workspace.layout import Incarnation, RunDir, Workspace
from attnctl.workspace.records import RecordError, Request


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start of an attempt: where, and with which software. Empty is what its record does not say."""

    attempt: int
    restart: int
    node: str
    device: str
    commit: str
    torch: str
    python: str
    cuda: str
    processes: int | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A run as the source of numbers. submitted: its first attempt, Unix seconds; epoch: the last evaluated one."""

    run: str
    label: str
    model: str
    backbone: str
    placement: str
    dataset: str
    seed: int
    state: str
    epoch: int | None
    best_epoch: int | None
    epochs: int | None
    versions: str
    submitted: float | None
    metrics: Mapping[str, float]
    starts: tuple[Start, ...]

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Names and words, for people; what is not known is left out."""
        found = {
            "what": self.label,
            "in": " ".join(filter(None, (self.model, self.backbone, self.placement, "on", self.dataset))),
            "seed": str(self.seed),
            "state": self.state,
            "epochs": _epochs(self),
            "submitted": "" if self.submitted is None else clock(self.submitted),
            "attempts": _attempts(self.starts),
            "nodes": _each(start.node for start in self.starts),
            "device": _each(start.device for start in self.starts),
            "commit": _each(start.commit for start in self.starts),
            "torch": _each(start.torch for start in self.starts),
            "python": _each(start.python for start in self.starts),
            "CUDA": _each(start.cuda for start in self.starts),
            "versions": self.versions,
            "metrics": " ".join(f"{name}={value:.6g}" for name, value in self.metrics.items()),
        }
        return tuple((name, words) for name, words in found.items() if words)


@dataclass(frozen=True)
class Number:
    """A number of a report, and the runs behind it."""

    row: str
    column: ReportColumn
    cell: Cell


def source(workspace: Workspace, row: RunRow) -> Source:
    """What a run's folder and the index say of it. A record that is broken says nothing."""
    folder = workspace.run(row.id)
    return Source(
        run=row.id,
        label=row.label,
        model=row.model,
        backbone=row.backbone,
        placement=row.placement,
        dataset=row.dataset,
        seed=row.seed,
        state=row.state,
        epoch=row.epoch,
        best_epoch=row.best_epoch,
        epochs=_whole(row.recipe.get("epochs")),
        versions=row.versions,
        submitted=_submitted(folder, row),
        metrics=row.metrics,
        starts=tuple(
            _start(incarnation, row) for attempt in folder.attempts() for incarnation in attempt.incarnations()
        ),
    )


def origin(found: Source) -> Origin:
    """The same for a page."""
    return Origin(run=found.run, facts=found.facts())


def numbers(report: Report, pattern: str) -> list[Number]:
    """The numbers of the cells that ROW:COLUMN or ROW means, names or globs; empty: of all. Raises SpecError."""
    row, _, column = pattern.rpartition(":") if ":" in pattern else (pattern, "", "")
    rows = [name for name in report.names if not row or name == row or fnmatchcase(name, row)]
    names = [item.name for item in report.table.columns]
    columns = [name for name in names if not column or name == column or fnmatchcase(name, column)]
    if not rows:
        raise SpecError(f"no such row: {row!r}{did_you_mean(row, report.names)}")
    if not columns:
        raise SpecError(f"no such column: {column!r}{did_you_mean(column, names)}")
    return [
        Number(name, item, cell)
        for name, line in report.rows()
        if name in rows
        for item, cell in zip(report.table.columns, line.cells, strict=True)
        if item.name in columns and cell.runs
    ]


def lines(found: Sequence[Number], sources: Mapping[str, Source]) -> Iterator[tuple[str, str]]:
    """For people: each number with its runs, and then each run once.

    Each line is what stands before the text, under which the rest of a wrapped text does not go, and the text.
    """
    for number in found:
        shown = number.column.show_number(number.cell) or number.cell.state
        spread = f" ± {number.column.show_spread(number.cell)}" if number.cell.spread is not None else ""
        yield "", f"{number.row}, {number.column.full_heading}: {shown}{spread} from {comma_join(number.cell.runs)}"
    for run in dict.fromkeys(run for number in found for run in number.cell.runs if run in sources):
        yield "", ""
        yield "", f"run {run}"
        facts = sources[run].facts()
        width = max(len(name) for name, _ in facts) + 2
        yield from ((f"  {name:<{width}}", words) for name, words in facts)


def document(found: Sequence[Number], sources: Mapping[str, Source]) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "numbers": [
            {
                "row": number.row,
                "column": number.column.name,
                "value": number.cell.value,
                "spread": number.cell.spread,
                "n": number.cell.n,
                "state": number.cell.state,
                "runs": list(number.cell.runs),
            }
            for number in found
        ],
        "runs": {
            run: {**asdict(sources[run]), "metrics": dict(sources[run].metrics)}
            for run in dict.fromkeys(run for number in found for run in number.cell.runs if run in sources)
        },
    }


def _submitted(folder: RunDir, row: RunRow) -> float | None:
    """When its first attempt was reserved."""
    for attempt in folder.attempts():
        try:
            request = Request.read(attempt.request)
        except (RecordError, OSError):
            continue
        if request is not None:
            return request.created
    return row.created


def _start(incarnation: Incarnation, row: RunRow) -> Start:
    found: dict[str, Any] = {}
    with contextlib.suppress(RecordError):  # a start whose record is broken is listed all the same
        found = incarnation.machine() or {}
    gpus = found.get("gpus")
    devices = [str(name) for name in gpus] if isinstance(gpus, list) and gpus else [str(found.get("device") or "")]
    return Start(
        attempt=incarnation.token[0],
        restart=incarnation.token[1],
        node=str(found.get("node") or found.get("host") or row.node or ""),
        device=comma_join(dict.fromkeys(devices)) or row.device or "",
        commit=str(found.get("commit") or ""),
        torch=str(found.get("torch") or ""),
        python=str(found.get("python") or ""),
        cuda=str(found.get("cuda") or ""),
        processes=_whole(found.get("world")),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _epochs(found: Source) -> str:
    if found.epoch is None:
        return ""
    best = f", the best {found.best_epoch}" if found.best_epoch is not None else ""
    return f"{found.epoch} of {found.epochs}{best}" if found.epochs else f"{found.epoch}{best}"


def _attempts(starts: Sequence[Start]) -> str:
    """Such as `1, 2 (restarted once)`."""
    attempts = comma_join(dict.fromkeys(start.attempt for start in starts))
    restarts = len(starts) - len({start.attempt for start in starts})
    return f"{attempts} ({quantity(restarts, 'restart')})" if restarts else attempts


def _each(words: Iterator[str]) -> str:
    return comma_join(dict.fromkeys(word for word in words if word))
