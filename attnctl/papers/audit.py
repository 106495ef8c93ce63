"""Compares published parameters and FLOPs with our networks, each counted by the convention of its paper."""

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
from attnctl.papers.model import COUNTED, PaperColumn, PaperTable, Row, Setup
from attnctl.values import SpecError, comma_join

Verdict = Literal["match", "explained", "not reproduced", "waits", "not built"]
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "MiB": 2**18}
"""Unit -> its number of parameters or operations; a MiB holds 2^18 parameters of four bytes."""

EXACT = "exact"
"""The convention that counts all parameters, and the multiply-accumulates of all convolutions and matrix products."""


@dataclass(frozen=True, kw_only=True)
class AuditedCount:
    """A published count beside ours.

    column: key of the column. published: as printed. computed: ours, rounded to the printed digit. exact: ours
    verdict: match; explained (no match, for a known reason); not reproduced; waits (attnctl does not have the network);
        not built (the network cannot be built here)
    note: the explanation, the error, or the note of the row
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
        """Whether ours equals the published count to its last digit."""
        return self.verdict == "match"


def tables(paper: str | None = None, table: str | None = None) -> list[PaperTable]:
    """The tables with parameters or FLOPs: of all papers, of one, or one table. Raises SpecError if none has any."""
    selected = []
    for name in papers.names() if paper is None else (paper,):
        counted = {number: item for number, item in papers.load(name).tables.items() if columns(item)}
        if paper is not None and table is not None and table not in counted:
            title = papers.load(name).name
            raise SpecError(f"{title} has no table {table!r} with parameters or FLOPs; it has {comma_join(counted)}")
        selected += [item for number, item in counted.items() if table in {None, number}]
    if not selected:
        raise SpecError(f"no paper has a table {table!r} with parameters or FLOPs")
    return selected


def columns(table: PaperTable) -> list[PaperColumn]:
    """The columns of a table with parameters or FLOPs."""
    return [column for column in table.columns if column.metric in COUNTED]


def audit(tables: Iterable[PaperTable], *, keep: bool = True) -> Iterator[AuditedCount]:
    """The audited counts of tables, in their order. keep: use and fill the user's cache of counts."""
    for table in tables:
        for row in table.rows:
            for column in columns(table):
                if column.key in row.published:
                    yield _figure(table, row, column, keep)


def _figure(table: PaperTable, row: Row, column: PaperColumn, keep: bool) -> AuditedCount:
    setup = row.setup_of(column)
    printed = row.published[column.key]
    number, unit, digits = read(printed, unit_of(setup, column))
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
            computed = f"{ours}{'' if printed[-1].isdigit() else unit}"
            if ours == number:
                verdict, notes = "match", [row.note, f"weak: {row.weak}" if row.weak else ""]
            else:
                reason = row.explained.get(column.key, "")
                verdict, notes = ("explained" if reason else "not reproduced"), [reason, row.note]
    return AuditedCount(
        paper=table.paper,
        table=table.number,
        row=row.name,
        column=column.key,
        published=printed,
        computed=computed,
        exact=exact,
        convention=convention_of(setup, column),
        verdict=verdict,
        note="; ".join(note for note in notes if note),
    )


def convention_of(setup: Setup, column: PaperColumn) -> str:
    """The convention by which the paper counted a column: a name for `check_convention`."""
    return setup.params_as if column.metric == "params" else setup.flops_as


def check_convention(name: str) -> None:
    """Raise SpecError unless it is `exact`, the name of a convention, or a layer's parameters such as linear.weight."""
    if name != EXACT and not _is_of_layer(name):
        convention(name)


def _is_of_layer(name: str) -> bool:
    """Whether only parameters of one kind of layer are counted, as in linear.weight."""
    layer, _, part = name.partition(".")
    return layer in {*LAYERS, "free"} and bool(part)


def unit_of(setup: Setup, column: PaperColumn) -> str:
    """The unit of a column's counts that are printed without one."""
    return (setup.params_unit if column.metric == "params" else setup.flops_unit) or column.unit


def read(printed: str, unit: str) -> tuple[Decimal, str, Decimal]:
    """(number, unit, value of its last digit) of a printed count. unit: of counts printed without one.

    A product such as 512*4*512*4/16*2 is evaluated and has no unit. Raises SpecError.
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


def count(setup: Setup, column: PaperColumn, convention_name: str | None = None, *, keep: bool = True) -> int:
    """The count of a cell's network; raises SpecError when it cannot be built.

    convention_name: default: the paper's. keep: use and fill the user's cache of counts.
    """
    name = convention_of(setup, column) if convention_name is None else convention_name
    return sum(_count(network, setup, column, name, keep) for network in cells(setup))


def _count(network: Cell, setup: Setup, column: PaperColumn, name: str, keep: bool) -> int:
    check_convention(name)
    if network.model and name == EXACT and column.metric == "params":
        return parameters(network, keep=keep)
    result = _counts(network) if keep else counts(network, memory=False, keep=False)
    if name == EXACT:
        return result.parameters if column.metric == "params" else result.macs
    if _is_of_layer(name):
        layer, _, part = name.partition(".")
        return sum(number for role, number in result.roles.items() if (role.layer, role.part) == (layer, part))
    written = Written(head=setup.head, **setup.written)
    return convention(name).count(result, written)[0 if column.metric == "params" else 1]


@cache
def _counts(network: Cell) -> Counts:
    return counts(network, memory=False)


def cells(setup: Setup) -> list[Cell]:
    """The networks of a table cell: one, or the module alone for each of its maps. Raises SpecError."""
    values = dict(setup.hyperparameters)
    if not setup.maps:
        return [cell(setup.module, values, setup.backbone, setup.placement, setup.dataset, model=setup.model)]
    resolved = tuple(sorted(attention.describe(setup.module).resolve(values).items()))
    return [
        Cell(module=setup.module, hyperparameters=resolved, channels=channels, size=side)
        for channels, side in setup.maps
    ]
