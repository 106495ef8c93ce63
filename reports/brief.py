"""The columns of a comparison that a printed table has, unless others were asked for."""

from __future__ import annotations

from attnctl.metrics import BY_KEY
from attnctl.reports.significance import GAIN
from attnctl.reports.table import ReportTable, all_rows
from attnctl.units import quantity

SEEDS = "seeds"


def brief(table: ReportTable) -> tuple[str, ...]:
    """The metric that decides, its gain, parameters, MACs and speed; the number of seeds only where rows differ."""
    alike = len(_counts(table)) == 1
    return tuple(
        column.name for column in table.columns if _is_usual(column.name) and not (column.name == SEEDS and alike)
    )


def seeds_note(table: ReportTable) -> str:
    """The number of seeds in words, instead of its column; empty where rows differ, and of one seed."""
    counts = _counts(table)
    return f"{quantity(int(counts.pop() or 0), 'seed')} in each row." if len(counts) == 1 else ""


def _counts(table: ReportTable) -> set[float | None]:
    keys = [column.name for column in table.columns]
    return {row.cells[keys.index(SEEDS)].value for _, row in all_rows(table)} if SEEDS in keys else set()


def _is_usual(key: str) -> bool:
    metric = BY_KEY.get(key.removesuffix(GAIN))
    return metric is None or bool(metric.decides)
