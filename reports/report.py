"""A report: a table, what its rows are called by commands, and what is to be said beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from attnctl.reports.table import ReportTable, Row, all_rows
from attnctl.values import SpecError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Report:
    """names: what commands call the rows, in order: in a paper's table the texts alone, such as +SE, are not unique.

    warnings: one line each, where a comparison is not fair. printed: the table with the columns of a printed page;
    None: those of `table`
    """

    table: ReportTable
    names: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    printed: ReportTable | None = None

    def labelled(self, label: str) -> Report:
        """The report with this label, for references and macros."""
        printed = replace(self.printed, label=label) if self.printed is not None else None
        return replace(self, table=replace(self.table, label=label), printed=printed)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """The rows by their names."""
        return zip(self.names, (row for _, row in all_rows(self.table)), strict=True)

    def runs(self) -> list[str]:
        """The ids of all runs behind the table, each once."""
        return list(dict.fromkeys(run for _, row in all_rows(self.table) for cell in row.cells for run in cell.runs))


def matching(names: Sequence[str], globs: Sequence[str]) -> list[str]:
    """The names that one of the globs fits; all of them without any. Raises SpecError for a glob that fits none."""
    for glob in globs:
        if glob not in names and not any(fnmatchcase(name, glob) for name in names):
            raise SpecError(f"no such row: {glob!r}{did_you_mean(glob, names)}")
    return [name for name in names if not globs or any(name == glob or fnmatchcase(name, glob) for glob in globs)]
