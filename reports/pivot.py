"""A comparison with the values of an axis beside each other: modules by backbones, data sets, sweeps or settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attnctl.metrics import BY_KEY
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.ranking import ranked
from attnctl.reports.replicates import gain_cell
from attnctl.reports.selection import MEASURED, Pivot, with_places
from attnctl.reports.statistics.gains import gain
from attnctl.reports.statistics.ranks import ranks
from attnctl.reports.table import Cell, Fact, Group, ReportColumn, ReportTable, Row, all_rows, group_title
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError, comma_join, did_you_mean

SUMMED_UP = {"backbone": "backbones", "dataset": "data sets"}
"""Axes over which an average and a mean rank say something."""

DIFFERENCE, AVERAGE, RANK = ".difference", "average", "rank"


def deciding(table: ReportTable) -> tuple[str, ...]:
    """The columns of a pivot for which none are named: the metrics that decide, or the user's own."""
    trained = [column.name for column in table.columns if column.measured]
    found = [name for name in trained if (metric := BY_KEY.get(name)) is not None and metric.decides]
    return tuple(f"{name}.{MEASURED}" for name in found or trained[:1])


def pivoted(table: ReportTable, pivot: Pivot, names: DisplayNames, *, unpaired: bool = False) -> ReportTable:
    """The table with a column for each value of the axis and each of its columns. Raises SpecError.

    Groups that differ in the axis alone become one. Rows that the axis does not concern have their numbers in each
    column.
    """
    values = _values(table, pivot.axis)
    if len(values) < 2:
        raise SpecError(f"--pivot {pivot.axis}: all runs have {values[0].shown}; it needs two values or more")
    table = with_places(table, [place for place in range(len(table.columns)) if _has_numbers(table, place)] or [0])
    blocks = _blocks(table, pivot.axis, values, names)
    parts = [_part(table.columns, value, blocks, place) for place, value in enumerate(values)]
    if pivot.delta:
        parts += [_delta(table.columns, values, blocks, place, unpaired) for place in range(1, len(values))]
    if pivot.axis in SUMMED_UP and table.columns[0].measured:
        parts += _summaries(table.columns[0], blocks)
    headers = ("module",) if pivot.axis == "placement" else table.headers
    made = _transposed(table, pivot.axis, blocks, parts) if pivot.transpose else _beside(blocks, parts, headers)
    return replace(table, headers=made.headers, columns=made.columns, groups=made.groups)


def notes(table: ReportTable, pivot: Pivot) -> Iterator[str]:
    """What is to be said of the columns that a pivot adds. table: before it."""
    values = _values(table, pivot.axis)
    if pivot.delta:
        yield (
            f"difference: to {values[0].shown}, over the seeds that both have, with the 95 % confidence interval of "
            "the paired t-test; Welch's where fewer than two seeds are shared."
        )
    if pivot.axis in SUMMED_UP:
        yield (
            f"average, mean rank: of rows that are completed for all {len(values)} {SUMMED_UP[pivot.axis]}; rank 1 is "
            "the best."
        )


def unequal_seeds(table: ReportTable, pivot: Pivot, names: DisplayNames) -> list[str]:
    """Which rows have other seeds in one column than in another. table: before the pivot."""
    values = _values(table, pivot.axis)
    found: dict[str, list[str]] = {}
    for block in _blocks(table, pivot.axis, values, names):
        for header, line in block.lines.items():
            by_seeds: dict[str, list[str]] = {}
            for value, cells in zip(values, line.cells, strict=True):
                seeds = next((sorted(cell.seeds) for cell in cells or () if cell.seeds), [])
                if seeds:
                    by_seeds.setdefault(comma_join(seeds), []).append(value.shown)
            if len(by_seeds) > 1 and not line.fixed:
                words = "; ".join(f"{seeds} ({comma_join(columns)})" for seeds, columns in by_seeds.items())
                found.setdefault(words, []).append(" ".join(filter(None, header)))
    return [f"{comma_join(dict.fromkeys(rows))}: not the same seeds: {words}" for words, rows in found.items()]


# ---------------------------------------------------------------------------------------------------- rows and values


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A row. cells: for each value of the axis, one for each column; None where there is no such row.

    fixed: the axis does not concern it, so that all of its cells are the same
    """

    row: Row
    fixed: bool
    cells: list[tuple[Cell, ...] | None]


@dataclass(frozen=True)
class _Block:
    """Groups that differ in the axis alone."""

    title: str
    facts: tuple[Fact, ...]
    lines: dict[tuple[str, ...], _Line] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What stands beside each other for one value, or sums them up. cells: of each block, for each of its rows."""

    title: str
    name: str
    columns: tuple[ReportColumn, ...]
    cells: list[list[tuple[Cell, ...]]]


def _values(table: ReportTable, axis: str) -> list[Fact]:
    """The values of the axis: by their size if all are numbers, else in the table's order."""
    if axis == "module":
        raise SpecError("--pivot module: modules are the rows; write the axis of the columns, such as backbone")
    if axis == "seed":
        raise SpecError("--pivot seed: a row is the mean over its seeds; choose one with --seed")
    found: dict[str, Fact] = {}
    known: dict[str, None] = {}
    for group, row in all_rows(table):
        for fact in (*group.facts, *row.facts):
            known[fact.axis] = None
            if fact.axis == axis:
                found.setdefault(fact.value, fact)
    if not found:
        others = [name for name in known if name != "module"]
        raise SpecError(f"--pivot {axis[:40]!r}: the runs do not differ in that{did_you_mean(axis, others)}")
    try:
        return sorted(found.values(), key=lambda fact: float(fact.value))
    except ValueError:
        return list(found.values())


def _has_numbers(table: ReportTable, place: int) -> bool:
    return any(row.cells[place] != Cell() for _, row in all_rows(table))


def _blocks(table: ReportTable, axis: str, values: Sequence[Fact], names: DisplayNames) -> list[_Block]:
    places = {fact.value: place for place, fact in enumerate(values)}
    found: dict[tuple[tuple[str, str], ...], _Block] = {}
    for group, row in all_rows(table):
        rest = tuple(fact for fact in group.facts if fact.axis != axis)
        key = tuple((fact.axis, fact.value) for fact in rest)
        title = group.title if rest == group.facts else group_title(rest)
        block = found.setdefault(key, _Block(title, rest))
        own = next((fact for fact in (*group.facts, *row.facts) if fact.axis == axis), None)
        header = _header(row, axis, names, moved=rest != group.facts)
        line = block.lines.setdefault(
            header, _Line(row=_row(group, row, header, axis), fixed=own is None, cells=[None] * len(values))
        )
        for place in [places[own.value]] if own is not None else range(len(values)):
            if line.cells[place] is not None:
                raise SpecError(
                    f"--pivot {axis}: two rows of {title} are both {' '.join(header)}; choose one of them with --rows"
                )
            line.cells[place] = _cells(row)
    return list(found.values())


def _header(row: Row, axis: str, names: DisplayNames, *, moved: bool) -> tuple[str, ...]:
    """A row's texts without the axis. moved: it stood in the group's title, which named the plain network."""
    facts = {fact.axis: fact for fact in row.facts}
    module = facts.pop("module", None)
    if module is None:
        return row.header
    if axis not in facts:
        plain = names.given.get(NO_MODULE) or PLAIN
        return (plain, *row.header[1:]) if moved and module.value == NO_MODULE else row.header
    settings = [(name, fact.value) for name, fact in facts.items() if name not in {axis, "placement"}]
    text = module.shown if module.value == NO_MODULE else names.row(module.value, settings, "")
    return (text,) if axis == "placement" else (text, *row.header[1:])


PLAIN = "no attention"
"""The row of the plain networks, which have names of their own."""


def _row(group: Group, row: Row, header: tuple[str, ...], axis: str) -> Row:
    everywhere = axis not in {fact.axis for fact in (*group.facts, *row.facts)}
    return replace(
        row,
        header=header,
        marks=(f"the same for every {axis}",) if everywhere else (),
        settings=tuple((name, value) for name, value in row.settings if name != axis),
        facts=tuple(fact for fact in row.facts if fact.axis != axis),
    )


def _cells(row: Row) -> tuple[Cell, ...]:
    """A row's cells; the first has the row's footnotes."""
    first = row.cells[0]
    return (replace(first, marks=(*first.marks, *row.marks)), *row.cells[1:])


# -------------------------------------------------------------------------------------------------------------- parts


def _part(columns: Sequence[ReportColumn], value: Fact, blocks: Sequence[_Block], place: int) -> _Part:
    nothing = (Cell(),) * len(columns)
    return _Part(
        title=value.shown,
        name=_slug(value.value),
        columns=tuple(_beside_others(column, value, alone=len(columns) == 1) for column in columns),
        cells=[[line.cells[place] or nothing for line in block.lines.values()] for block in blocks],
    )


def _beside_others(column: ReportColumn, value: Fact, *, alone: bool) -> ReportColumn:
    name = f"{_slug(value.value)}.{column.name}"
    if alone:
        return replace(column, name=name, title=value.shown, unit="", span=column.heading)
    return replace(column, name=name, span=value.shown)


def _slug(text: str) -> str:
    return re.sub(r"[\s.,]+", "-", text)


def _delta(
    columns: Sequence[ReportColumn], values: Sequence[Fact], blocks: Sequence[_Block], place: int, unpaired: bool
) -> _Part:
    """The differences of a value's first column to that of the first value."""
    column, value = columns[0], values[place]

    def cell(line: _Line) -> Cell:
        ours, theirs = line.cells[place], line.cells[0]
        if line.fixed or not ours or not theirs or not ours[0].values or not theirs[0].values:
            return Cell()
        return gain_cell(ours[0], gain(_by_seed(ours[0]), _by_seed(theirs[0]), unpaired=unpaired))

    several = len(values) > 2
    own = replace(
        column,
        name=f"{_slug(value.value)}.{column.name}{DIFFERENCE}",
        title=f"{value.shown} difference" if several else "difference",
        span="",
        signed=True,
        better=None,
        measured=False,
    )
    return _Part(
        title=own.title,
        name=own.name,
        columns=(own,),
        cells=[[(cell(line),) for line in block.lines.values()] for block in blocks],
    )


def _by_seed(cell: Cell) -> Mapping[int, float]:
    return dict(zip(cell.seeds, cell.values, strict=True))


def _summaries(column: ReportColumn, blocks: Sequence[_Block]) -> list[_Part]:
    """The average over all values and the mean rank, of the rows that have a number for each."""
    average = ReportColumn(
        name=AVERAGE, title="average", span=column.heading, better=column.better, decimals=column.decimals
    )
    rank = ReportColumn(name=RANK, title="mean rank", better="lower")
    made = [_summed_up(column, [average, rank], block) for block in blocks]
    return [
        _Part(title=own.title, name=own.name, columns=(own,), cells=[[(row[place],) for row in rows] for rows in made])
        for place, own in enumerate((average, rank))
    ]


def _summed_up(column: ReportColumn, own: Sequence[ReportColumn], block: _Block) -> list[tuple[Cell, ...]]:
    found = [_numbers(line) for line in block.lines.values()]
    complete = [numbers for numbers in found if numbers]
    places = ranks(list(zip(*complete, strict=True)), lower=column.better == "lower") if len(complete) > 1 else []
    means = iter(sum(of_row) / len(of_row) for of_row in zip(*places, strict=True))
    rows = []
    for line, numbers in zip(block.lines.values(), found, strict=True):
        cells = (Cell(), Cell())
        if numbers:
            runs = tuple(run for cells in line.cells if cells for run in cells[0].runs)
            cells = (Cell(value=sum(numbers) / len(numbers), runs=runs), Cell(value=next(means, None)))
        rows.append(Row(header=line.row.header, cells=cells))
    return [row.cells for row in ranked(rows, own)]


def _numbers(line: _Line) -> list[float]:
    """The row's number for each value; empty if one is missing."""
    found = [cells[0].value for cells in line.cells if cells is not None and cells[0].value is not None]
    return found if len(found) == len(line.cells) else []


# ------------------------------------------------------------------------------------------------------------- layouts


def _beside(blocks: Sequence[_Block], parts: Sequence[_Part], headers: tuple[str, ...]) -> ReportTable:
    """The parts beside each other."""
    groups = [
        Group(
            title=block.title,
            facts=block.facts,
            rows=tuple(
                replace(line.row, cells=tuple(cell for part in parts for cell in part.cells[number][at]))
                for at, line in enumerate(block.lines.values())
            ),
        )
        for number, block in enumerate(blocks)
    ]
    columns = tuple(column for part in parts for column in part.columns)
    return ReportTable(title="", headers=headers, columns=columns, groups=tuple(groups))


def _transposed(table: ReportTable, axis: str, blocks: Sequence[_Block], parts: Sequence[_Part]) -> ReportTable:
    """The parts under each other; the rows of all blocks beside each other."""
    names = list(dict.fromkeys(name for block in blocks for name in block.lines))
    alone = len(table.columns) == 1
    columns = tuple(
        replace(
            column,
            name=f"{_slug(' '.join(name))}.{column.name}",
            title=" ".join(name) if alone else column.title,
            unit="" if alone else column.unit,
            span=column.heading if alone else " ".join(name),
        )
        for name in names
        for column in table.columns
    )
    groups = [
        Group(
            title=block.title,
            facts=block.facts,
            rows=tuple(
                Row(header=(part.title,), cells=tuple(_of_rows(block, part.cells[number], names, len(table.columns))))
                for part in parts
            ),
        )
        for number, block in enumerate(blocks)
    ]
    return ReportTable(title="", headers=(axis,), columns=columns, groups=tuple(groups))


def _of_rows(
    block: _Block, cells: Sequence[tuple[Cell, ...]], names: Sequence[tuple[str, ...]], width: int
) -> Iterator[Cell]:
    """The cells of a part, of all named rows; those of a summary, which has one column, are filled up."""
    found = dict(zip(block.lines, cells, strict=True))
    for name in names:
        own = found.get(name, ())
        yield from (*own, *[Cell()] * (width - len(own)))
