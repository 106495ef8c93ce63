"""Numbers measured or published elsewhere, as `attnctl import` took them in: beside ours, never in a mean with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from attnctl import papers
from attnctl.reports.replicates import Metric
from attnctl.reports.statistics.means import summary
from attnctl.reports.table import Cell, ReportColumn
from attnctl.workspace.records import Imported


@dataclass(frozen=True)
class Elsewhere:
    """What one source has for a cell: a value for each seed."""

    source: str
    values: tuple[float, ...]


def of_cell(
    imports: Sequence[Imported], table: papers.PaperTable, row: papers.Row, column: papers.PaperColumn
) -> list[Elsewhere]:
    """What was imported for a cell of a paper's table: by the column's key, or by its metric."""
    dataset = row.setup_of(column).dataset
    alike = sum(other.metric == column.metric for other in table.columns)
    found: dict[str, list[float]] = {}
    for record in imports:
        if record.table.lower() != table.name or record.row != row.name:
            continue
        by_metric = alike == 1 or record.dataset == dataset
        value = record.values.get(column.key, record.values.get(column.metric) if by_metric else None)
        if value is not None:
            found.setdefault(record.source, []).append(value)
    return [Elsewhere(source, tuple(values)) for source, values in found.items()]


def with_imports(cell: Cell, found: Sequence[Elsewhere], metric: Metric, column: ReportColumn) -> Cell:
    """The cell with a note of what others have; where there is no number of ours, the first of theirs stands there."""
    if not found:
        return cell
    rest = found
    if cell.value is None:
        theirs = summary([metric.shown(value) for value in found[0].values])
        assert theirs is not None
        state = cell.state if cell.runs else ""  # a run on its way is told, one that nobody asked for is not missed
        cell = replace(cell, value=theirs.mean, spread=theirs.spread, n=theirs.n, wanted=theirs.n, runs=(), state=state)
        cell = replace(cell, marks=(*cell.marks, f"imported from {found[0].source}"))
        rest = found[1:]
    return replace(cell, marks=(*cell.marks, *_notes(rest, metric, column)))


def _notes(found: Sequence[Elsewhere], metric: Metric, column: ReportColumn) -> Iterator[str]:
    for item in found:
        theirs = summary([metric.shown(value) for value in item.values])
        if theirs is not None:
            yield f"imported from {item.source}: {column.show(theirs.mean)}"
