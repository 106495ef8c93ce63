"""How the spread over seeds is shown in a table that is read: which one, and in which form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from attnctl.reports.statistics.means import half_width
from attnctl.reports.table import Cell, ReportTable

Spread = Literal["sd", "se", "ci", "none"]
"""The sample standard deviation, the standard error, the 95 % confidence interval of the mean, or nothing."""

Form = Literal["pm", "parens", "interval"]
"""93.25 ± 0.12, 93.25(12), or [93.13, 93.37]."""

NOTE = "Mean ± sample standard deviation (ddof = 1) over the completed seeds."
"""What stands under a table as it is made."""

_WORDS: Mapping[Spread, str] = {
    "sd": "sample standard deviation (ddof = 1)",
    "se": "standard error",
    "ci": "half-width of the 95 % confidence interval (Student's t)",
}
_OF: Mapping[Spread, Callable[[float, int], float]] = {
    "sd": lambda spread, _: spread,
    "se": lambda spread, n: spread / math.sqrt(n),
    "ci": half_width,
}


def with_spreads(table: ReportTable, spread: Spread, form: Form) -> ReportTable:
    """The table with these spreads of its measured cells, and the note on them."""
    columns = tuple(replace(column, parentheses=form == "parens") for column in table.columns)
    groups = tuple(
        replace(
            group,
            rows=tuple(
                replace(row, cells=tuple(_cell(cell, spread, form) for cell in row.cells)) for row in group.rows
            ),
        )
        for group in table.groups
    )
    notes = tuple(_note(spread, form) if note == NOTE else note for note in table.notes)
    return replace(table, columns=columns, groups=groups, notes=notes)


def _cell(cell: Cell, spread: Spread, form: Form) -> Cell:
    if cell.spread is None or cell.value is None:
        return cell
    if spread == "none":
        return replace(cell, spread=None)
    shown = _OF[spread](cell.spread, cell.n)
    if form == "interval":
        return replace(cell, spread=None, interval=(cell.value - shown, cell.value + shown))
    return replace(cell, spread=shown)


def _note(spread: Spread, form: Form) -> str:
    over = "over the completed seeds"
    if spread == "none":
        return f"Mean {over}."
    if form == "parens":
        return f"Mean {over}; in parentheses, in units of the last digit: {_WORDS[spread]}."
    if form == "interval":
        between = "95 % confidence interval (Student's t)" if spread == "ci" else f"mean ± {_WORDS[spread]}"
        return f"Mean {over}; in brackets: {between}."
    return f"Mean ± {_WORDS[spread]} {over}."
