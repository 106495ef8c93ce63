"""The table model: what a report says, before it has a form. Pure values; it knows no database and no format."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from attnctl.workspace import untrusted_json


@dataclass(frozen=True, kw_only=True)
class ReportColumn:
    """A column. scale: a number is divided by it before it is shown; unit: of what is shown then."""

    name: str
    """Unique in the table, such as `top1` or, of a paper's column `c100`, `c100.published`."""
    title: str
    span: str = ""
    """The heading above this and its neighbours of the same span, such as `C100 (%)`; empty: none."""
    kind: Literal["number", "words"] = "number"
    unit: str = ""
    scale: float = 1.0
    decimals: int = 2
    signed: bool = False
    """A difference: shown with its sign."""
    better: Literal["higher", "lower"] | None = None
    """Which value of a group is the best one; None: none is."""
    measured: bool = False
    """It differs between seeds, so that it has a mean, a spread and what is still missing."""
    counted: bool = False
    """It is counted from the network: the same for every seed."""
    parentheses: bool = False
    """The spread stands in parentheses, in units of the last digit."""

    @property
    def heading(self) -> str:
        """Title and unit: `top-1 (%)`."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def full_heading(self) -> str:
        """The heading where no span stands above it: `C100 (%) published`."""
        return f"{self.span} {self.heading}".strip()

    def show(self, number: float) -> str:
        """A value as it is shown, without its unit. What rounds to zero has no minus."""
        return f"{number / self.scale:{'+' if self.signed else ''}z.{self.decimals}f}"

    def show_spread(self, cell: Cell) -> str:
        """A cell's spread as it is shown; empty where there is none."""
        return "" if cell.spread is None else f"{cell.spread / self.scale:.{self.decimals}f}"

    def show_beside(self, cell: Cell, plus_minus: str) -> str:
        """The text of a cell's spread, which follows the number: ` ± 0.12` or `(12)`; empty if it has none."""
        text = self.show_spread(cell)
        if not text or not self.parentheses:
            return plus_minus + text if text else ""
        return f"({text.replace('.', '').lstrip('0') or '0'})"

    def show_interval(self, cell: Cell) -> str:
        """A cell's confidence interval as it is shown; empty where there is none."""
        return "" if cell.interval is None else f"[{', '.join(map(self.show, cell.interval))}]"

    def show_number(self, cell: Cell) -> str:
        """A cell's number or words, without spread and interval; empty where there is none."""
        return cell.printed or ("" if cell.value is None else self.show(cell.value))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number or words, or why there is none."""

    value: float | None = None
    """The mean over the seeds that are done, in the column's own unit before scaling."""
    printed: str = ""
    """What is shown instead of `value`: words, or a number just as a paper prints it."""
    spread: float | None = None
    """Sample standard deviation (ddof = 1); None with fewer than two seeds."""
    interval: tuple[float, float] | None = None
    """Of a difference to the baseline: its 95 % confidence interval, in the column's own unit."""
    method: Literal["", "paired", "welch"] = ""
    """Of a difference: whether its interval is that of the paired t-test or Welch's; empty where there is none."""
    seeds: tuple[int, ...] = ()
    """Those of `values`."""
    values: tuple[float, ...] = ()
    """The value of each seed; of a difference, those that the baseline's are subtracted from."""
    baseline: tuple[float, ...] = ()
    """Of a difference: the baseline's values; of pairs in the order of `values`."""
    n: int = 0
    """Seeds in the mean."""
    wanted: int = 0
    """Seeds asked for."""
    state: str = ""
    """Words for what is missing: `running 45%`, `failed: code error`; empty when nothing is."""
    runs: tuple[str, ...] = ()
    """Ids of the runs that the number comes from; without a number, of those that are to give it."""
    best: bool = False
    second: bool = False
    marks: tuple[str, ...] = ()
    """The marks of its footnotes."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What a row or a group is of: axis `backbone`, value `resnet20` as a user types it, shown as `ResNet-20`."""

    axis: str
    value: str
    shown: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row: the texts of its header, one per header column, and a cell per column."""

    header: tuple[str, ...]
    cells: tuple[Cell, ...]
    marks: tuple[str, ...] = ()
    """The marks of the footnotes of the whole row."""
    cite: str = ""
    """The key of its source in a bibliography."""
    settings: tuple[tuple[str, str], ...] = ()
    """The hyperparameters of its module, as a user types them."""
    facts: tuple[Fact, ...] = ()
    """The module, the placement and the hyperparameters that tell the rows of a comparison apart."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows that are compared with each other."""

    title: str
    rows: tuple[Row, ...]
    facts: tuple[Fact, ...] = ()
    """The network, the data set, and what else its rows have in common."""


def group_title(facts: Sequence[Fact]) -> str:
    """Such as `ResNet-20 on CIFAR-10, lr=0.1`."""
    shown = {fact.axis: fact.shown for fact in facts}
    where = " on ".join(shown.pop(axis) for axis in ("backbone", "dataset") if axis in shown)
    return ", ".join(filter(None, (where, *shown.values())))


@dataclass(frozen=True, kw_only=True)
class Footnote:
    """What a mark in the table means. mark: `a`, `b` ..."""

    mark: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """A report. notes stand under it, then the footnotes."""

    title: str
    headers: tuple[str, ...]
    columns: tuple[ReportColumn, ...]
    groups: tuple[Group, ...]
    label: str = ""
    r"""For references from a text: LaTeX's \label."""
    notes: tuple[str, ...] = ()
    footnotes: tuple[Footnote, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The table as JSON values."""
        return _plain(self)  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, document: Any) -> ReportTable:
        """The table that `to_json` gave; raises ValueError for anything else."""
        return untrusted_json.decode(cls, document, largest=math.inf)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the numbers of a run come from, for a page that tells it. facts: name and words, in order."""

    run: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A drawing for a page. svg: one <svg> element, made by us."""

    title: str
    svg: str


@dataclass(frozen=True)
class Span:
    """Neighbouring columns under one heading; title is empty where there is none."""

    title: str
    columns: tuple[ReportColumn, ...]


def spans(columns: Sequence[ReportColumn]) -> list[Span]:
    """The columns parted by their spans, in order."""
    found: list[Span] = []
    for column in columns:
        if found and column.span and found[-1].title == column.span:
            found[-1] = Span(column.span, (*found[-1].columns, column))
        else:
            found.append(Span(column.span, (column,)))
    return found


def texts(row: Row, columns: Sequence[ReportColumn], plus_minus: str) -> list[tuple[str, str]]:
    """Each cell as its number or words, with its spread, and its state; either may be empty.

    A state of the same runs that stands in the row already is not said again. plus_minus: what stands between mean and
    spread.
    """
    found: list[tuple[str, str]] = []
    told: set[tuple[str, tuple[str, ...]]] = set()
    for cell, column in zip(row.cells, columns, strict=True):
        number = column.show_number(cell)
        if number:
            number += column.show_beside(cell, plus_minus)
        if cell.interval is not None:
            number = f"{number} {column.show_interval(cell)}".lstrip()
        found.append((number, "" if (cell.state, cell.runs) in told else cell.state))
        told.add((cell.state, cell.runs))
    return found


def one_line(text: str) -> str:
    """A user's text in one line, without control characters: those do not show, and can steer what shows it."""
    shown = (char for char in text if char.isspace() or unicodedata.category(char) not in {"Cc", "Cs"})
    return " ".join("".join(shown).split())


def all_rows(table: ReportTable) -> Iterator[tuple[Group, Row]]:
    """The rows in order, each with its group."""
    return ((group, row) for group in table.groups for row in group.rows)


def marks_of(table: ReportTable) -> set[str]:
    """The marks that stand in its rows and cells."""
    return {mark for _, row in all_rows(table) for mark in (*row.marks, *(m for cell in row.cells for m in cell.marks))}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
