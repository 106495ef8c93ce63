"""The columns of a comparison that a printed table has, unless others were asked for."""

from __future__ import annotations

from dataclasses import replace

from attnctl.metrics import BY_KEY
from attnctl.reports.selection import with_columns
from attnctl.reports.significance import GAIN
from attnctl.reports.table import ReportTable, all_rows, marks_of
from attnctl.units import quantity

SEEDS = "seeds"


def brief(table: ReportTable) -> ReportTable:
    """The table with the metric that decides, its gain, parameters, MACs and speed.

    The number of seeds becomes a note where all rows have the same. Footnotes of what is left out go too.
    """
    keys = [column.name for column in table.columns]
    counts = {row.cells[keys.index(SEEDS)].value for _, row in all_rows(table)} if SEEDS in keys else set()
    alike = len(counts) == 1
    kept = [key for key in keys if _is_usual(key) and not (key == SEEDS and alike)]
    if not kept or kept == keys:
        return table
    made = with_columns(table, kept)
    used = marks_of(made)
    notes = (*table.notes, f"{quantity(int(counts.pop() or 0), 'seed')} in each row.") if alike else table.notes
    return replace(made, notes=notes, footnotes=tuple(note for note in table.footnotes if note.mark in used))


def _is_usual(key: str) -> bool:
    metric = BY_KEY.get(key.removesuffix(GAIN))
    return metric is None or bool(metric.decides)
