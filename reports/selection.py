"""Which rows and columns of a table are shown, and in which order."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from attnctl.reports.display_names import PLAIN, DisplayNames
from attnctl.reports.replicates import Epoch
from attnctl.reports.table import ReportColumn, ReportTable, Row
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError, comma_join, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Pivot:
    """axis: what stands in the columns. transpose: in the rows. delta: with differences to its first value."""

    axis: str
    transpose: bool = False
    delta: bool = False


def pivot(axis: str | None, *, transpose: bool, delta: bool, fixed: bool) -> Pivot | None:
    """The pivot that was asked for; None without one. fixed: the columns are those of a paper or of an evaluation.

    Raises SpecError for what does not fit together.
    """
    if axis is None:
        if transpose or delta:
            raise SpecError("--transpose and --delta need --pivot, such as --pivot backbone")
        return None
    if not axis.strip():
        raise SpecError("--pivot is empty; leave it out, or write backbone or dataset")
    if fixed:
        raise SpecError("--pivot is for a comparison, without --table and --eval")
    if transpose and delta:
        raise SpecError("--delta adds columns; leave out --transpose")
    return Pivot(axis=axis, transpose=transpose, delta=delta)


MEASURED = "measured"
"""The part of a column that has its name alone: `top1.measured` is `top1`."""

COUNTED = "counted"
"""The same of what is counted from the network: `params.counted` is `params`."""


Order = Literal["asked", "name", "metric", "rows"]
"""As the sweep asked for them, by name, by the first trained column with the best first, or as --rows names them."""


def order(asked: Order | None, *, sort: str, rows: Collection[str], paper: bool) -> Order:
    """The order that was asked for; by name without one. paper: of a paper's table.

    Raises SpecError for what does not fit together.
    """
    if asked is not None and sort:
        raise SpecError("--order and --sort are two orders; give only one of them")
    if asked == "rows" and not rows:
        raise SpecError("--order rows needs --rows, such as --rows none,ela,se")
    if paper and asked in {"asked", "name"}:
        raise SpecError("a paper's table has the paper's order; --order metric and --order rows change it")
    return asked or "name"


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
    decimals: tuple[tuple[str, int], ...] = ()
    """Digits after the point, by column; without a name, of all trained columns and their differences."""
    order: Order = "name"
    """Of the rows of a group, and with `asked` of the groups too; `sort` comes before it."""
    pivot: Pivot | None = None
    """What stands in the columns of a comparison, instead of its metrics."""
    all_versions: bool = False
    """Also the rows of older versions of the code, in a comparison."""


ALL = Options()

MOST_DECIMALS = 6
"""The largest number of digits after the point that can be asked for."""


def missing_seeds(wanted: Collection[int], there: Collection[int]) -> str:
    """Such as `no run has seed 5; seeds: 0, 1`; "" if the runs have all of the wanted seeds."""
    missing = sorted(set(wanted) - set(there))
    return f"no run has seed {comma_join(missing)}; seeds: {comma_join(sorted(set(there)))}" if missing else ""


def with_columns(table: ReportTable, words: Sequence[str]) -> ReportTable:
    """The table with these columns, in the order of the words; all of them without any. Raises SpecError."""
    if not words:
        return table
    return with_places(table, list(dict.fromkeys(place for word in words for place in _positions(table.columns, word))))


def with_decimals(columns: Sequence[ReportColumn], decimals: Iterable[tuple[str, int]]) -> tuple[ReportColumn, ...]:
    """The columns with so many digits after the point. Raises SpecError for a column that is not there."""
    made = list(columns)
    for word, digits in sorted(decimals):  # those without a name first
        places = _positions(columns, word) if word else [at for at, own in enumerate(columns) if _is_trained(own)]
        for place in places:
            made[place] = replace(made[place], decimals=digits)
    return tuple(made)


def _is_trained(column: ReportColumn) -> bool:
    return column.measured or (column.signed and part_of(column) in {"gain", "difference"})


def with_places(table: ReportTable, positions: Sequence[int]) -> ReportTable:
    """The table with the columns at these places."""

    def row(found: Row) -> Row:
        return replace(found, cells=tuple(found.cells[position] for position in positions))

    return replace(
        table,
        columns=tuple(table.columns[position] for position in positions),
        groups=tuple(replace(group, rows=tuple(map(row, group.rows))) for group in table.groups),
    )


def ordered(
    lines: Sequence[tuple[str, Row]], columns: Sequence[ReportColumn], options: Options, asked: Mapping[str, int]
) -> list[tuple[str, Row]]:
    """The named rows of a group in the order that the options say. Raises SpecError for a column that is not there.

    asked: place of each run in the sweeps
    """
    if options.sort:
        key = options.sort.removeprefix("-")
        positions = _positions(columns, key)
        position = next((position for position in positions if columns[position].name == key), positions[0])
        return _by_value(lines, position, descending=options.sort.startswith("-"))
    if options.order == "metric":
        found = [place for place, column in enumerate(columns) if column.measured and column.better is not None]
        used = [place for place in found if any(row.cells[place].value is not None for _, row in lines)]
        return _by_value(lines, used[0], descending=columns[used[0]].better == "higher") if used else list(lines)
    if options.order == "rows":
        return sorted(lines, key=lambda line: _named_at(line, options.rows))
    if options.order == "asked":
        return sorted(lines, key=lambda line: asked_at([line[1]], asked))
    return list(lines)


def asked_at(rows: Sequence[Row], asked: Mapping[str, int]) -> float:
    """The place of the first of these rows' runs in the sweeps; rows without runs stand last."""
    runs = (run for row in rows for cell in row.cells for run in cell.runs)
    return min((asked[run] for run in runs if run in asked), default=math.inf)


def _by_value(lines: Sequence[tuple[str, Row]], position: int, *, descending: bool) -> list[tuple[str, Row]]:
    """The rows by a column; those without a number stand last."""

    def place(line: tuple[str, Row]) -> float:
        value = line[1].cells[position].value
        return math.inf if value is None else -value if descending else value

    return sorted(lines, key=place)


def names_of(line: tuple[str, Row]) -> tuple[str, ...]:
    """What can be typed for a row: its typed name, its texts, and `none` for the plain backbone."""
    name, row = line
    plain = any((fact.axis, fact.value) == ("module", NO_MODULE) for fact in row.facts)
    return (name, " ".join(filter(None, row.header)), *([NO_MODULE] if plain else []))


def _named_at(line: tuple[str, Row], globs: Sequence[str]) -> int:
    """The place of the glob that names a row; one that names it exactly counts before others."""
    names = names_of(line)
    exact = [place for place, glob in enumerate(globs) if glob in names]
    fitting = (place for place, glob in enumerate(globs) if any(fnmatchcase(name, glob) for name in names))
    return exact[0] if exact else next(fitting, len(globs))


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
    return column.name.partition(".")[2] or (COUNTED if column.counted else MEASURED)
