"""Whether the rows of a group were trained alike: what is to be said of it, at the rows and beside the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from attnctl import papers
from attnctl.reports import fairness
from attnctl.reports.fairness import Compared
from attnctl.reports.published.candidates import Chosen
from attnctl.reports.published.cells import metric_of
from attnctl.reports.published.columns import Shown
from attnctl.reports.replicates import Epoch
from attnctl.reports.table import Row


@dataclass(frozen=True)
class Unfair:
    """rows: row's name -> its footnotes. cells: of a row's name and a column's key. warnings: one line each."""

    rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cells: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def marked(self, name: str, row: Row, shown: Sequence[Shown]) -> Row:
        """The row with its footnotes."""
        cells = tuple(
            replace(cell, marks=(*cell.marks, *self.cells.get((name, item.of.key), ())))
            if item.part == "measured"
            else cell
            for cell, item in zip(row.cells, shown, strict=True)
        )
        return replace(row, marks=(*row.marks, *self.rows.get(name, ())), cells=cells)


def compared(
    names: Sequence[str],
    columns: Sequence[papers.PaperColumn],
    chosen: Mapping[tuple[str, str], Chosen],
    epoch: Epoch,
) -> Unfair:
    """What is unfair among these rows of a group: of a row in all of its columns, or of a single cell."""
    said: dict[str, dict[str, list[str]]] = {}
    warnings: dict[str, None] = {}
    for column in columns:
        rows = [
            _compared(name, chosen[name, column.key], column, epoch) for name in names if (name, column.key) in chosen
        ]
        found = fairness.differences(rows)
        for row in rows:
            if row.runs:
                said.setdefault(row.name, {})[column.key] = [
                    item.rows[row.name] for item in found if row.name in item.rows
                ]
        warnings.update(dict.fromkeys(item.warning for item in found))
    common = {
        name: [text for text in next(iter(by_column.values())) if all(text in texts for texts in by_column.values())]
        for name, by_column in said.items()
    }
    cells = {
        (name, key): [text for text in texts if text not in common[name]]
        for name, by_column in said.items()
        for key, texts in by_column.items()
    }
    return Unfair(rows=common, cells=cells, warnings=tuple(warnings))


def _compared(name: str, chosen: Chosen, column: papers.PaperColumn, epoch: Epoch) -> Compared:
    return Compared(name, chosen.runs.done(metric_of(column, epoch)), chosen.rule)
