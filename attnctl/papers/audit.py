"""Holds the published figures of complexity against our networks, each counted as its paper counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import Literal

from attnctl import attention, papers
from attnctl.networks.complexity import Cell, Counts, Written, cell, convention, counts, parameters
from attnctl.networks.complexity.conventions import LAYERS
from attnctl.papers.model import COUNTED, Column, Row, Setup, Table
from attnctl.values import SpecError, comma_join

Verdict = Literal["match", "explained", "not reproduced", "waits", "not built"]
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "MiB": 2**18}
"""What one of a unit is, in parameters or operations; a MiB holds 2^18 parameters of four bytes."""

EXACT = "exact"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A published figure beside ours.

    column: its key. published: as printed. computed: ours, to the same digit. exact: ours, whole
    verdict: match; explained: no match, and why; not reproduced; waits: its network is none of attnctl's;
        not built: the network cannot be built here
    """

    paper: str
    table: str
    row: str
    column: str
    published: str
    computed: str | None
    exact: int | None
    convention: str
    verdict: Verdict
    note: str

    @property
    def match(self) -> bool:
        """Whether ours is the published figure to its last digit."""
        return self.verdict == "match"


def tables(paper: str | None = None, table: str | None = None) -> list[Table]:
    """The tables with a figure of complexity: of all papers, of one, or one; raises SpecError for what there is not."""
    found = []
    for name in papers.names() if paper is None else (paper,):
        counted = {number: item for number, item in papers.load(name).tables.items() if columns(item)}
        if paper is not None and table is not None and table not in counted:
            of = papers.load(name).name
            raise SpecError(f"{of} has no table {table!r} with parameters or FLOPs; it has {comma_join(counted)}")
        found += [item for number, item in counted.items() if table in {None, number}]
    if not found:
        raise SpecError(f"no paper has a table {table!r} with parameters or FLOPs")
    return found


def columns(table: Table) -> list[Column]:
    """The columns of a table that hold figures of complexity."""
    return [column for column in table.columns if column.metric in COUNTED]


def audit(tables: Iterable[Table], *, keep: bool = True) -> Iterator[Figure]:
    """The figures of some tables, in their order. keep: use and fill the user's cache of counts."""
    for table in tables:
        for row in table.rows:
            for column in columns(table):
                if column.key in row.published:
                    yield _figure(table, row, column, keep)


def _figure(table: Table, row: Row, column: Column, keep: bool) -> Figure:
    setup = row.setup_of(column)
    published = row.published[column.key]
    number, unit, digits = read(published, unit_of(setup, column))
    exact: int | None = None
    computed: str | None = None
    notes = [row.note]
    verdict: Verdict
    if setup.waits:
        verdict = "waits"
    else:
        try:
            exact = count(setup, column, keep=keep)
        except SpecError as error:
            verdict, notes = "not built", [str(error), row.note]
        else:
            ours = rounded(exact, unit, digits)
            computed = f"{ours}{'' if published[-1].isdigit() else unit}"
            if ours == number:
                verdict, notes = "match", [row.note, f"weak: {row.weak}" if row.weak else ""]
            else:
                reason = row.explained.get(column.key, "")
                verdict, notes = ("explained" if reason else "not reproduced"), [reason, row.note]
    return Figure(
        paper=table.paper,
        table=table.number,
        row=row.name,
        column=column.key,
        published=published,
        computed=computed,
        exact=exact,
        convention=way_of(setup, column),
        verdict=verdict,
        note="; ".join(note for note in notes if note),
    )


def way_of(setup: Setup, column: Column) -> str:
    """How the figures of a column are counted."""
    return setup.params_as if column.metric == "params" else setup.flops_as


def check_way(way: str) -> None:
    """Raise SpecError for what is no way of counting."""
    if way != EXACT and not _is_of_layer(way):
        convention(way)


def _is_of_layer(way: str) -> bool:
    """Whether it is the parameters of one kind of layer that count, such as linear.weight."""
    layer, _, part = way.partition(".")
    return layer in {*LAYERS, "free"} and bool(part)


def unit_of(setup: Setup, column: Column) -> str:
    """The unit of a column's figures that say none themselves."""
    return (setup.params_unit if column.metric == "params" else setup.flops_unit) or column.unit


def read(printed: str, unit: str) -> tuple[Decimal, str, Decimal]:
    """(number, unit, one of its last digit) of a printed figure; `unit` is that of a figure that says none.

    A product such as 512*4*512*4/16*2 is its value, a count. Raises SpecError.
    """
    if re.fullmatch(r"\d+([*/]\d+)+", printed):
        value = Fraction(1)
        for sign, factor in re.findall(r"([*/]?)(\d+)", printed):
            value = value / int(factor) if sign == "/" else value * int(factor)
        return Decimal(value.numerator) / value.denominator, "", Decimal(1)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(K|M|G|MiB)?", printed)
    if match is None:
        raise SpecError(f"{printed!r} is not a number such as 25.56M")
    if match[2] is None and unit not in UNITS:
        raise SpecError(f"{unit!r} is not a unit of a count; use one of {comma_join(filter(None, UNITS))}")
    number = Decimal(match[1])
    return number, match[2] or unit, Decimal((0, (1,), int(number.as_tuple().exponent)))


def rounded(exact: int, unit: str, digits: Decimal) -> Decimal:
    """A count in a unit, rounded half up to the printed digit."""
    return (Decimal(exact) / UNITS[unit]).quantize(digits, rounding=ROUND_HALF_UP)


def count(setup: Setup, column: Column, way: str | None = None, *, keep: bool = True) -> int:
    """What a cell's network counts, as the paper counted; raises SpecError when it cannot be built.

    way: another way of counting than the paper's. keep: use and fill the user's cache of counts.
    """
    chosen = way_of(setup, column) if way is None else way
    return sum(_count(what, setup, column, chosen, keep) for what in cells(setup))


def _count(what: Cell, setup: Setup, column: Column, way: str, keep: bool) -> int:
    check_way(way)
    if what.model and way == EXACT and column.metric == "params":
        return parameters(what, keep=keep)
    found = _counts(what) if keep else counts(what, memory=False, keep=False)
    if way == EXACT:
        return found.parameters if column.metric == "params" else found.macs
    if _is_of_layer(way):
        layer, _, part = way.partition(".")
        return sum(number for role, number in found.roles.items() if (role.layer, role.part) == (layer, part))
    written = Written(head=setup.head, **setup.written)
    return convention(way).count(found, written)[0 if column.metric == "params" else 1]


@cache
def _counts(what: Cell) -> Counts:
    return counts(what, memory=False)


def cells(setup: Setup) -> list[Cell]:
    """The networks of a cell: one, or a module alone for each of its maps. Raises SpecError."""
    values = dict(setup.hyperparameters)
    if not setup.maps:
        return [cell(setup.module, values, setup.backbone, setup.placement, setup.dataset, model=setup.model)]
    resolved = tuple(sorted(attention.describe(setup.module).resolve(values).items()))
    return [
        Cell(module=setup.module, hyperparameters=resolved, channels=channels, size=side)
        for channels, side in setup.maps
    ]
