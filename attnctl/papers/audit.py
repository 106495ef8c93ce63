"""Holds the published figures of complexity against our networks, each counted as its paper counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import Literal

from attnctl import attention
from attnctl.complexity import Cell, Counts, Written, cell, convention, counts
from attnctl.papers import CLASSIFICATION, Row
from attnctl.values import SpecError

Verdict = Literal["match", "explained", "not reproduced", "waits", "not built"]
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "MiB": 2**18}
"""What one of a unit is, in parameters or operations; a MiB holds 2^18 parameters of four bytes."""

EXACT = "exact"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A published figure beside ours.

    column: params or flops. published: as printed. computed: ours, to the same digit. exact: ours, whole
    verdict: match; explained: no match, and why; not reproduced; waits: for a task that there is not yet;
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


def audit(rows: Iterable[Row], *, keep: bool = True) -> Iterator[Figure]:
    """The figures of some rows, in their order. keep: use and fill the user's cache of counts."""
    for row in rows:
        for column in ("params", "flops"):
            if getattr(row, column):
                yield _figure(row, column, keep)


def _figure(row: Row, column: str, keep: bool) -> Figure:
    way = row.params_as if column == "params" else row.flops_as
    published = getattr(row, column)
    number, unit, digits = read(published, row.params_unit if column == "params" else row.flops_unit)
    exact: int | None = None
    computed: str | None = None
    notes = [row.note]
    verdict: Verdict
    if row.task != CLASSIFICATION:
        verdict = "waits"
    else:
        try:
            exact = count(row, column, way, keep)
        except SpecError as error:
            verdict, notes = "not built", [str(error), row.note]
        else:
            ours = rounded(exact, unit, digits)
            computed = f"{ours}{'' if published[-1].isdigit() else unit}"
            if ours == number:
                verdict, notes = "match", [row.note, f"weak: {row.weak}" if row.weak else ""]
            else:
                reason = row.explained.get(column, "")
                verdict, notes = ("explained" if reason else "not reproduced"), [reason, row.note]
    return Figure(
        paper=row.paper,
        table=row.table,
        row=row.row,
        column=column,
        published=published,
        computed=computed,
        exact=exact,
        convention=way,
        verdict=verdict,
        note="; ".join(note for note in notes if note),
    )


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
        raise SpecError(f"{printed!r} is no figure such as 25.56M")
    number = Decimal(match[1])
    return number, match[2] or unit, Decimal((0, (1,), int(number.as_tuple().exponent)))


def rounded(exact: int, unit: str, digits: Decimal) -> Decimal:
    """A count in a unit, rounded half up to the printed digit."""
    return (Decimal(exact) / UNITS[unit]).quantize(digits, rounding=ROUND_HALF_UP)


def count(row: Row, column: str, way: str, keep: bool) -> int:
    """What a row's network counts, as the paper counted; raises SpecError when it cannot be built."""
    return sum(_count(what, row, column, way, keep) for what in cells(row))


def _count(what: Cell, row: Row, column: str, way: str, keep: bool) -> int:
    found = _counts(what) if keep else counts(what, memory=False, keep=False)
    if way == EXACT:
        return found.parameters if column == "params" else found.macs
    if "." in way and way.replace(".", "").replace("_", "").isalpha():
        layer, _, part = way.partition(".")
        return sum(number for role, number in found.roles.items() if (role.layer, role.part) == (layer, part))
    written = Written(head=row.head, **row.written)
    return convention(way).count(found, written)[0 if column == "params" else 1]


@cache
def _counts(what: Cell) -> Counts:
    return counts(what, memory=False)


def cells(row: Row) -> list[Cell]:
    """The networks of a row: one, or a module alone for each of its maps. Raises SpecError."""
    values = dict(row.hyperparameters)
    if not row.maps:
        return [cell(row.module, values, row.backbone, row.placement, row.dataset)]
    resolved = tuple(sorted(attention.describe(row.module).resolve(values).items()))
    return [
        Cell(module=row.module, hyperparameters=resolved, channels=channels, size=side) for channels, side in row.maps
    ]
