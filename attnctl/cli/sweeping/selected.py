"""`sweep --select val`: first the trainings with held-out images, then the best of each row on all images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from attnctl.units import quantity

if TYPE_CHECKING:
    from attnctl.db import RunRow
    from attnctl.papers import PaperTable
    from attnctl.papers.runs import Cells
    from attnctl.workspace.layout import Workspace


def in_turn(table: PaperTable, cells: Sequence[Cells], workspace: Workspace) -> list[Cells]:
    """The cells with the runs that are due. A workspace without runs is not touched.

    Of a row with a selection these are its held-out runs, and once they are done also the best training on all images.
    """
    if not any(item.selection for item in cells):
        return list(cells)
    from attnctl.db import open_index

    with open_index(workspace) as index:
        index.refresh()
        found = index.families({spec.family for item in cells for run in item.selection for spec in run})
        return [_due(table, item, found) if item.selection else item for item in cells]


def waiting(cells: Sequence[Cells], due: Sequence[Cells]) -> str:
    """What is said about rows whose best training is not known yet; empty if there are none."""
    rows = {
        item.row.name
        for item, now in zip(cells, due, strict=True)
        if item.selection and len(now.variants) == len(item.selection)
    }
    if not rows:
        return ""
    return f" (--select val: {quantity(len(rows), 'row')} first; type this again then, to train the best of each)"


def _due(table: PaperTable, cells: Cells, found: Mapping[str, Sequence[RunRow]]) -> Cells:
    from attnctl.reports.published.candidates import held_out_runs, winner
    from attnctl.reports.published.cells import metric_of

    column = next(column for column in table.columns if column.key in cells.columns)
    chosen = winner(cells, held_out_runs(cells, found, (), cells.seeds), metric_of(column, "last"))
    best = () if chosen is None else (cells.variants[chosen],)
    return replace(cells, variants=(*cells.selection, *best), selection=())
