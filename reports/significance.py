"""What a table's differences to the baseline tell: how they were computed, and which are significant.

Pairs are tested by the sign-flip test, corrected by Holm over all comparisons in the metric that decides; rows that are
not paired by Dunnett's test, which corrects over the rows of a group. A metric's cell gets the mark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attnctl.metrics import BY_KEY
from attnctl.reports.statistics.bootstrap import LEAST, bca
from attnctl.reports.statistics.corrections import dunnett, holm
from attnctl.reports.statistics.gains import Gain, superiority
from attnctl.reports.statistics.sign_flip import LEVEL, least_p, least_pairs, p_value
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row, all_rows
from attnctl.units import quantity
from attnctl.values import comma_join

GAIN = ".gain"
"""The end of the name of a column of differences to the baseline."""

PARTS = {"better": "P(A > B)", "p": "p", "corrected": "p corrected", "bca": "gain (BCa)"}
"""What `--statistics` adds to a gain: the parts of the columns' names, and their titles."""

_SIGNIFICANT = f"p < {LEVEL:g}"
_SYMBOLS = {"better": "*", "worse": "†"}

Place = tuple[int, int, int]
"""A cell by its group, row and column."""


def symbols(baseline: str) -> dict[str, str]:
    """Text of a footnote -> its mark in the table."""
    return {_text(way, baseline): symbol for way, symbol in _SYMBOLS.items()}


def _text(way: str, baseline: str) -> str:
    return f"significantly {way} than {baseline}, {_SIGNIFICANT}"


@dataclass(frozen=True, kw_only=True)
class Comparisons:
    """The tests of a table. p: of pairs, by themselves. corrected: of pairs by Holm, of others by Dunnett.

    pairs: of each tested difference of pairs, their number.
    """

    baseline: str
    p: Mapping[Place, float] = field(default_factory=dict)
    corrected: Mapping[Place, float] = field(default_factory=dict)
    pairs: Mapping[Place, int] = field(default_factory=dict)

    families: tuple[Family, ...] = ()

    def notes(self, columns: Collection[str] | None = None) -> Iterator[str]:
        """How the rows were tested against the baseline, or why they could not be. columns: the shown ones, or all."""
        shown = [family for family in self.families if columns is None or family.is_in(columns)]
        tested = [family for family in shown if family.possible]
        if tested:
            several = [self._comparisons(family) for family in tested if family.comparisons > 1]
            holm_words = f", with Holm's correction over {', and over '.join(several)}" if several else ""
            yield f"Tests against {self.baseline}: the sign-flip test over the shared seeds{holm_words}."
        same: dict[tuple[int, int], list[Family]] = defaultdict(list)
        for family in shown:
            if not family.possible:
                same[family.comparisons, family.pairs].append(family)
        for (number, most), families in same.items():
            corrected = min(1.0, number * least_p(most))
            over = " or in ".join(family.title for family in families)
            comparisons = f"{number} comparisons{f' in {over}' if len(self.families) > 1 else ''}"
            holm_words = f" ({corrected:.2g} after Holm's correction over {comparisons})" if number > 1 else ""
            yield (
                f"Not tested against {self.baseline}: with {quantity(most, 'seed')} the sign-flip test has "
                f"p >= {least_p(most):.4g}{holm_words}; {least_pairs(number)} seeds would do."
            )
        if self.corrected.keys() - self.pairs.keys():
            yield f"Rows that are not paired: Dunnett's test against {self.baseline}, for each group and column."

    def _comparisons(self, family: Family) -> str:
        where = f"in {family.title}" if len(self.families) > 1 else "of the table"
        return f"the {quantity(family.comparisons, 'comparison')} {where}"


@dataclass(frozen=True, kw_only=True)
class Family:
    """The paired comparisons that Holm's correction is over: those in the metric that decides, or all others.

    metrics: names of columns -> their titles. pairs: the most that a comparison has
    """

    metrics: Mapping[str, str]
    comparisons: int
    pairs: int

    @property
    def possible(self) -> bool:
        """Whether one of the differences can be significant at all."""
        return self.comparisons * least_p(self.pairs) <= LEVEL

    @property
    def title(self) -> str:
        """Its metrics: `top-1`, or `AP50 and AP75`."""
        return " and ".join(self.metrics.values())

    def is_in(self, columns: Collection[str]) -> bool:
        """Whether one of its metrics, or a difference in it, is shown."""
        return any(
            name.partition(".")[0] in self.metrics or name.removesuffix(GAIN) in self.metrics for name in columns
        )


def with_marks(table: ReportTable, baseline: str, *, statistics: bool = False) -> tuple[ReportTable, Comparisons]:
    """The table with the marks of significance in its metrics' cells, and the tests behind them.

    baseline: in words. statistics: also add the columns of PARTS beside each gain
    """
    tests = _tests(table, baseline)
    groups = [
        replace(
            group, rows=tuple(_marked(row, table.columns, tests, (number, at)) for at, row in enumerate(group.rows))
        )
        for number, group in enumerate(table.groups)
    ]
    marked = replace(table, groups=tuple(groups))
    return (_with_statistics(marked, tests) if statistics else marked), tests


def _tests(table: ReportTable, baseline: str) -> Comparisons:
    found = dict(_gains(table))
    pairs = {place: len(cell.values) for place, cell in found.items() if cell.method == "paired"}
    p = {place: p_value(_differences(found[place])) for place in pairs}
    metrics = {column.name: column.title for column in table.columns}
    corrected: dict[Place, float] = {}
    families: list[Family] = []
    for places in _families(table, pairs):
        corrected.update(zip(places, holm([p[place] for place in places]), strict=True))
        names = dict.fromkeys(table.columns[place[2]].name.removesuffix(GAIN) for place in places)
        titles = {name: metrics.get(name, name) for name in names}
        most = max(pairs[place] for place in places)
        families.append(Family(metrics=titles, comparisons=len(places), pairs=most))
    others: dict[object, list[Place]] = defaultdict(list)
    for place, cell in found.items():
        if cell.method == "welch":
            others[place[0], place[2], cell.baseline].append(place)
    for places in others.values():
        values = dunnett([found[place].values for place in places], found[places[0]].baseline)
        corrected.update({place: value for place, value in zip(places, values, strict=True) if value is not None})
    return Comparisons(baseline=baseline, p=p, corrected=corrected, pairs=pairs, families=tuple(families))


def _families(table: ReportTable, pairs: Iterable[Place]) -> Iterator[list[Place]]:
    """The comparisons in the metric that decides, which is known beforehand; then all others, such as those in top-5.

    In a paper's table each trained column decides.
    """
    found: dict[bool, list[Place]] = {False: [], True: []}
    for place in pairs:
        metric = BY_KEY.get(table.columns[place[2]].name.removesuffix(GAIN))
        found[metric is not None and not metric.decides].append(place)
    return (places for places in found.values() if places)


def _gains(table: ReportTable) -> Iterator[tuple[Place, Cell]]:
    """The differences to the baseline, in the order of reading."""
    for number, group in enumerate(table.groups):
        for at, row in enumerate(group.rows):
            for place, (column, cell) in enumerate(zip(table.columns, row.cells, strict=True)):
                if column.name.endswith(GAIN) and cell.method:
                    yield (number, at, place), cell


def _differences(cell: Cell) -> list[float]:
    return [ours - theirs for ours, theirs in zip(cell.values, cell.baseline, strict=True)]


def _marked(row: Row, columns: Sequence[ReportColumn], tests: Comparisons, where: tuple[int, int]) -> Row:
    cells = list(row.cells)
    names = [column.name for column in columns]
    for place, column in enumerate(columns):
        metric = column.name.removesuffix(GAIN)
        p = tests.corrected.get((*where, place))
        if p is None or p >= LEVEL or metric not in names:
            continue
        at = names.index(metric)
        higher = (row.cells[place].value or 0.0) > 0
        way = "better" if higher is not (columns[at].better == "lower") else "worse"
        cells[at] = replace(cells[at], marks=(*cells[at].marks, _text(way, tests.baseline)))
    return replace(row, cells=tuple(cells))


# ------------------------------------------------------------------------------------------------------- more columns


def wants_statistics(words: Sequence[str]) -> bool:
    """Whether some word of --columns names a part that `--statistics` adds."""
    return any(word.rpartition(".")[2] in PARTS and "." in word for word in words)


def _with_statistics(table: ReportTable, tests: Comparisons) -> ReportTable:
    """The table with the columns of PARTS after each gain; BCa only where a row has enough seeds."""
    enough = any(len(cell.values) >= LEAST and cell.method == "paired" for _, cell in _gains(table))
    parts = [part for part in PARTS if part != "bca" or enough]
    lower = {column.name for column in table.columns if column.better == "lower"}
    columns: list[ReportColumn] = []
    for column in table.columns:
        columns.append(column)
        if column.name.endswith(GAIN):
            columns += [_column(column, part) for part in parts]

    def row(found: Row, where: tuple[int, int]) -> Row:
        cells: list[Cell] = []
        for place, (column, cell) in enumerate(zip(table.columns, found.cells, strict=True)):
            cells.append(cell)
            if column.name.endswith(GAIN):
                worse = column.name.removesuffix(GAIN) in lower
                cells += [_cell(part, cell, tests, (*where, place), lower=worse) for part in parts]
        return replace(found, cells=tuple(cells))

    groups = [
        Group(title=group.title, rows=tuple(row(item, (number, at)) for at, item in enumerate(group.rows)))
        for number, group in enumerate(table.groups)
    ]
    return replace(table, columns=tuple(columns), groups=tuple(groups))


def _column(gain: ReportColumn, part: str) -> ReportColumn:
    title = gain.title.replace("gain", PARTS[part])
    name = f"{gain.name.removesuffix(GAIN)}.{part}"
    if part == "bca":
        return replace(gain, name=name, title=title)
    return replace(
        gain, name=name, title=title, unit="", scale=1.0, signed=False, decimals=2 if part == "better" else 4
    )


def _cell(part: str, gain: Cell, tests: Comparisons, place: Place, *, lower: bool) -> Cell:
    if not gain.method:
        return Cell()
    if part == "better":
        found = Gain(0.0, None, gain.method, gain.seeds, gain.values, gain.baseline)
        return Cell(value=superiority(found, lower=lower), n=gain.n, runs=gain.runs)
    if part == "bca":
        interval = bca(_differences(gain)) if gain.method == "paired" else None
        return Cell(value=gain.value, interval=interval, n=gain.n, runs=gain.runs) if interval else Cell()
    return Cell(value=(tests.p if part == "p" else tests.corrected).get(place), n=gain.n, runs=gain.runs)


# -------------------------------------------------------------------------------------------------------------- notes


def gain_notes(table: ReportTable, tests: Comparisons) -> Iterator[str]:
    """How the gains of a table were computed and tested; nothing if it has none."""
    parts = {column.name.rpartition(".")[2] for column in table.columns if "." in column.name}
    places = [place for place, column in enumerate(table.columns) if column.name.endswith(GAIN)]
    if places:
        yield from _interval_notes(table, places, tests.baseline)
    if places or any(cell.marks for _, row in all_rows(table) for cell in row.cells):
        yield from tests.notes([column.name for column in table.columns])
    if "better" in parts:
        yield f"P(A > B): the share of the seeds in which a row is better than {tests.baseline}; ties count half."
    if "p" in parts:
        yield "p: of the sign-flip test, by itself; p corrected: by Holm, or Dunnett's where rows are not paired."
    if "bca" in parts:
        yield f"BCa: bias-corrected and accelerated bootstrap interval of the mean difference, from {LEAST} seeds on."


def _interval_notes(table: ReportTable, places: Sequence[int], baseline: str) -> Iterator[str]:
    def having(method: str) -> list[Row]:
        return [
            row
            for _, row in all_rows(table)
            if any(row.cells[place].method == method and row.cells[place].interval for place in places)
        ]

    if having("paired"):
        yield (
            f"gain: mean difference to {baseline} over the seeds that both have, with the 95 % confidence interval of "
            "the paired t-test."
        )
        if having("welch"):
            yield f"Welch's interval, as fewer than two seeds are shared: {comma_join(map(_name, having('welch')))}."
    elif having("welch"):
        yield f"gain: difference to {baseline}, with Welch's 95 % confidence interval."
    else:
        yield f"gain: difference to {baseline}."


def _name(row: Row) -> str:
    return " ".join(filter(None, row.header))
