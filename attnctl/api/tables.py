"""`attnctl.report`: the comparison of runs, or a paper's table, as a value."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attnctl.cli.reporting.request import Request, gather, resolved
from attnctl.db import open_index
from attnctl.reports import latex, markdown, selection, tabular, terminal
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.replicates import Epoch
from attnctl.reports.report import Report
from attnctl.reports.selection import MOST_DECIMALS, Order
from attnctl.reports.spreads import Form, Spread, with_spreads
from attnctl.reports.table import ReportTable, all_rows
from attnctl.settings.opened import opened
from attnctl.values import SpecError, convert

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """A report: its numbers, and how they are printed; a table in notebooks, and plain text as `str`.

    rows: the names of the rows. warnings: where a comparison is not fair, one line each.
    """

    rows: tuple[str, ...]
    warnings: tuple[str, ...]
    _values: ReportTable = field(repr=False)
    _table: ReportTable = field(repr=False)
    _printed: ReportTable = field(repr=False)

    @classmethod
    def of(cls, report: Report, spread: Spread = "sd", spread_as: Form = "pm") -> Table:
        """The table of a report. spread, spread_as: how it is shown where it is read."""
        table = with_spreads(report.table, spread, spread_as)
        printed = table if report.printed is None else with_spreads(report.printed, spread, spread_as)
        return cls(report.names, report.warnings, report.table, table, printed)

    def __str__(self) -> str:
        return terminal.render(self._table)

    def to_latex(self, *, standalone: bool = False) -> str:
        """LaTeX with booktabs. standalone: a complete document."""
        return (latex.render_standalone if standalone else latex.render)(self._printed)

    def to_markdown(self) -> str:
        """A table in Markdown."""
        return markdown.render(self._table)

    def to_csv(self) -> str:
        """CSV with every number as it was measured, its spread, number of seeds, state and runs."""
        return tabular.render_csv(self._values)

    def to_pandas(self) -> pd.DataFrame:
        """One row for each row of the table, by its name: the texts, and each column's value as it was measured.

        Columns of measured metrics also have NAME_std, the standard deviation over seeds, and NAME_n, their number.
        """
        import pandas as pd

        rows = []
        for group, row in all_rows(self._values):
            values: dict[str, Any] = {"group": group.title}
            values |= {header or "row": text for header, text in zip(self._values.headers, row.header, strict=True)}
            for column, cell in zip(self._values.columns, row.cells, strict=True):
                number = math.nan if cell.value is None else cell.value
                values[column.name] = number if column.kind == "number" else cell.printed
                if column.measured:
                    values[f"{column.name}_std"] = math.nan if cell.spread is None else cell.spread
                    values[f"{column.name}_n"] = cell.n
            rows.append(values)
        return pd.DataFrame(rows, index=pd.Index(self.rows, name="name"))

    def _repr_html_(self) -> str:
        """The table that a notebook shows."""
        from markdown_it import MarkdownIt

        return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(self.to_markdown()))


def report(
    workspace: str | os.PathLike[str] = ".",
    sweep: str | None = None,
    *,
    table: str | None = None,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    seeds: Sequence[int] = (),
    epoch: Epoch = "last",
    sort: str = "",
    order: Order | None = None,
    pivot: str | None = None,
    transpose: bool = False,
    delta: bool = False,
    decimals: int | Mapping[str, int] | None = None,
    spread: Spread = "sd",
    spread_as: Form = "pm",
    evaluated: Sequence[str] = (),
) -> Table:
    """The comparison of the runs of a workspace or sweep, or a paper's table.

    sweep: its name; by default the only one, or all runs if there are several. table: such as "ela:3". decimals: of all
    trained columns, or by column. evaluated: data sets of `attnctl eval` that become columns. The others are as the
    options of `attnctl report`. Raises ValueError with the reason if there is nothing to report.

    Example:
        table = attnctl.report("experiments", columns=["top1", "params"], sort="-top1")
        Path("table.tex").write_text(table.to_latex())
    """
    for name, value, declared in (
        ("epoch", epoch, Epoch),
        ("order", order, Order | None),
        ("spread", spread, Spread),
        ("spread_as", spread_as, Form),
    ):
        convert(value, declared, name)
    digits = {"": decimals} if isinstance(decimals, int) else decimals or {}
    for key, count in digits.items():
        if not 0 <= count <= MOST_DECIMALS:
            raise SpecError(f"decimals {f'of {key} ' if key else ''}must be 0 to {MOST_DECIMALS}, not {count}")
    config = opened(workspace)
    options = selection.Options(
        pivot=selection.pivot(pivot, transpose=transpose, delta=delta, fixed=table is not None or bool(evaluated)),
        order=selection.order(order, sort=sort, rows=rows, paper=table is not None),
        decimals=tuple(digits.items()),
        rows=tuple(rows),
        columns=tuple(columns),
        seeds=tuple(seeds),
        epoch=epoch,
        sort=sort,
        names=DisplayNames(config.names),
    )
    with open_index(config.workspace) as index:
        index.refresh()
        request = resolved(
            index,
            Request(
                sweeps=(sweep,) if sweep is not None else (), table=table, options=options, evaluated=tuple(evaluated)
            ),
        )
        return Table.of(gather(index, request).report, spread, spread_as)
