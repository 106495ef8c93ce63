"""The table model: what a report says, before it has a form. Pure values; it knows no database and no format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of numbers. scale: a value is divided by it before it is shown; unit: of what is shown then."""

    name: str
    title: str
    unit: str = ""
    scale: float = 1.0
    decimals: int = 2
    better: Literal["higher", "lower"] | None = None
    """Which value of a group is the best one; None: none is."""
    measured: bool = False
    """It differs between seeds, so that it has a mean, a spread and what is still missing."""

    @property
    def heading(self) -> str:
        """Title and unit: `top-1 (%)`."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def show(self, number: float) -> str:
        """A value as it is shown, without its unit."""
        return f"{number / self.scale:.{self.decimals}f}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number, or why there is none."""

    value: float | None = None
    """The mean over the seeds that are done, in the column's own unit before scaling."""
    spread: float | None = None
    """Sample standard deviation (ddof = 1); None with fewer than two seeds."""
    n: int = 0
    """Seeds in the mean."""
    wanted: int = 0
    """Seeds asked for."""
    state: str = ""
    """Words for what is missing: `running 45%`, `failed: code error`; empty when nothing is."""
    runs: tuple[str, ...] = ()
    """Ids of the runs that the number comes from; without a number, of those that are to give it."""
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row: the texts of its header, one per header column, and a cell per column."""

    header: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows that are compared with each other."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A report."""

    title: str
    headers: tuple[str, ...]
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The table as JSON values."""
        return _plain(self)  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Table:
        """The table that `to_json` gave."""
        return cls(
            title=document["title"],
            headers=tuple(document["headers"]),
            columns=tuple(Column(**column) for column in document["columns"]),
            groups=tuple(
                Group(
                    title=group["title"],
                    rows=tuple(
                        Row(
                            header=tuple(row["header"]),
                            cells=tuple(Cell(**{**cell, "runs": tuple(cell["runs"])}) for cell in row["cells"]),
                        )
                        for row in group["rows"]
                    ),
                )
                for group in document["groups"]
            ),
            notes=tuple(document["notes"]),
        )


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def texts(row: Row, columns: Sequence[Column], plus_minus: str) -> list[tuple[str, str]]:
    """Each cell as its number, with its spread, and its words; either may be empty.

    Words that stand in the row already are not said again. plus_minus: what stands between mean and spread.
    """
    found: list[tuple[str, str]] = []
    for cell, column in zip(row.cells, columns, strict=True):
        number = "" if cell.value is None else column.show(cell.value)
        if cell.value is not None and cell.spread is not None:
            number += f"{plus_minus}{column.show(cell.spread)}"
        said = any(cell.state == state for _, state in found)
        found.append((number, "" if said else cell.state))
    return found


def all_rows(table: Table) -> Sequence[tuple[Group, Row]]:
    """The rows in order, each with its group."""
    return [(group, row) for group in table.groups for row in group.rows]
