"""The inference speeds that papers printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attnctl import papers
from attnctl.papers.model import Column, Row, Table


@dataclass(frozen=True, kw_only=True)
class Published:
    """A printed speed in images per second, that of the plain backbone beside it, and where they stand."""

    fps: float
    plain: float
    table: str
    row: str

    @property
    def words(self) -> str:
        """The speed relative to the plain backbone, and its row: `0.68 (EAN 3, EAN-R50)`."""
        return f"{self.fps / self.plain:.2f} ({self.table}, {self.row})"


def published(module: str, backbone: str, dataset: str, model: str = "") -> Published | None:
    """What a built-in paper printed for that module in that network on that data set, whatever its hyperparameters.

    model: around the backbone, if any.
    """
    return next(_found(module, backbone, dataset, model), None)


def _found(module: str, backbone: str, dataset: str, model: str) -> Iterator[Published]:
    for table, column in _columns():
        for row in table.rows:
            setup = row.setup
            if (setup.module, setup.backbone, setup.dataset, setup.model) != (module, backbone, dataset, model):
                continue
            plain = next((other for other in table.rows if other.on == row.on and other.baseline), None)
            if plain is not None and column.key in row.published and column.key in plain.published:
                yield Published(
                    fps=_number(row, column),
                    plain=_number(plain, column),
                    table=f"{table.paper} {table.number}",
                    row=row.name,
                )


def _columns() -> Iterator[tuple[Table, Column]]:
    for name in papers.names():
        for table in papers.load(name).tables.values():
            for column in table.columns:
                if column.metric == "fps":
                    yield table, column


def _number(row: Row, column: Column) -> float:
    return float(row.published[column.key].removesuffix(column.unit))
