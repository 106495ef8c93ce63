"""Which rows and columns of a table are shown, and in which order."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from attnctl.reports.display_names import PLAIN, DisplayNames
from attnctl.reports.replicates import Epoch
from attnctl.reports.table import ReportColumn, ReportTable, Row
from attnctl.values import SpecError, comma_join, did_you_mean

MEASURED = "measured"
"""The part of a paper's column that has its name alone: `top1.measured` is `top1`."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What of the runs a report shows, and how. Empty: all of it, in the table's own order.

    rows: globs of the rows' names. columns: KEY, KEY.PART or .PART. sort: such as `top1` or `-top1`, which descends
    """

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    epoch: Epoch = "last"
    sort: str = ""
    unpaired: bool = False
    """Gains have Welch's interval even where the rows share seeds."""
    statistics: bool = False
    """Also columns with the tests behind each gain."""
    names: DisplayNames = PLAIN
    """What modules, networks and data sets are called in a comparison."""
    all_versions: bool = False
    """Also the rows of older versions of the code, in a comparison."""


ALL = Options()


def missing_seeds(wanted: Collection[int], there: Collection[int]) -> str:
    """Such as `no run has seed 5; seeds: 0, 1`; "" if the runs have all of the wanted seeds."""
    missing = sorted(set(wanted) - set(there))
    return f"no run has seed {comma_join(missing)}; seeds: {comma_join(sorted(set(there)))}" if missing else ""


def with_columns(table: ReportTable, words: Sequence[str]) -> ReportTable:
    """The table with these columns, in the order of the words; all of them without any. Raises SpecError."""
    if not words:
        return table
    positions = dict.fromkeys(position for word in words for position in _positions(table.columns, word))

    def row(found: Row) -> Row:
        return replace(found, cells=tuple(found.cells[position] for position in positions))

    return replace(
        table,
        columns=tuple(table.columns[position] for position in positions),
        groups=tuple(replace(group, rows=tuple(map(row, group.rows))) for group in table.groups),
    )


def ordered(lines: Sequence[tuple[str, Row]], columns: Sequence[ReportColumn], sort: str) -> list[tuple[str, Row]]:
    """The named rows of a group by a column's value; those without one stand last. Raises SpecError."""
    if not sort:
        return list(lines)
    key = sort.removeprefix("-")
    positions = _positions(columns, key)
    position = next((position for position in positions if columns[position].name == key), positions[0])

    def place(line: tuple[str, Row]) -> float:
        value = line[1].cells[position].value
        return math.inf if value is None else -value if sort.startswith("-") else value

    return sorted(lines, key=place)


def _positions(columns: Sequence[ReportColumn], word: str) -> list[int]:
    """The columns that a word means: of KEY all parts, of KEY.PART one, of .PART that of each key."""
    key, dot, part = word.partition(".")
    found = [
        position
        for position, column in enumerate(columns)
        if (not key or key_of(column) == key) and (not dot or part_of(column) == part)
    ]
    if found and word:
        return found
    keys = list(dict.fromkeys(map(key_of, columns)))
    if dot and (not key or key in keys):
        parts = dict.fromkeys(part_of(column) for column in columns if not key or key_of(column) == key)
        raise SpecError(f"no such column: {word!r}{did_you_mean(word, [f'{key}.{name}' for name in parts])}")
    raise SpecError(f"no such column: {word!r}{did_you_mean(key, keys)}")


def key_of(column: ReportColumn) -> str:
    """`top1` of `top1.published`."""
    return column.name.partition(".")[0]


def part_of(column: ReportColumn) -> str:
    """`published` of `top1.published`."""
    return column.name.partition(".")[2] or MEASURED
