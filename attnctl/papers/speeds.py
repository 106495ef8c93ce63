"""The inference speeds that papers printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attnctl import papers
from attnctl.papers.model import PaperColumn, PaperTable, Row


@dataclass(frozen=True, kw_only=True)
class Published:
    """A printed speed.

    fps: images per second. baseline: images per second of the plain backbone in the same table. table, row: where it is
    printed
    """

    fps: float
    baseline: float
    table: str
    row: str

    @property
    def relative(self) -> str:
        """The speed relative to the plain backbone, and its row: `0.68 (EAN 3, EAN-R50)`."""
        return f"{self.fps / self.baseline:.2f} ({self.table}, {self.row})"


def published(module: str, backbone: str, dataset: str, model: str = "") -> Published | None:
    """The speed that a built-in paper printed for a module in a network on a data set, with any hyperparameters.

    model: around the backbone, if any.
    """
    return next(_matching(module, backbone, dataset, model), None)


def _matching(module: str, backbone: str, dataset: str, model: str) -> Iterator[Published]:
    for table, column in _columns():
        for row in table.rows:
            setup = row.setup
            if (setup.module, setup.backbone, setup.dataset, setup.model) != (module, backbone, dataset, model):
                continue
            baseline = next(
                (candidate for candidate in table.rows if candidate.on == row.on and candidate.baseline), None
            )
            if baseline is not None and column.key in row.published and column.key in baseline.published:
                yield Published(
                    fps=_number(row, column),
                    baseline=_number(baseline, column),
                    table=f"{table.paper} {table.number}",
                    row=row.name,
                )


def _columns() -> Iterator[tuple[PaperTable, PaperColumn]]:
    for name in papers.names():
        for table in papers.load(name).tables.values():
            for column in table.columns:
                if column.metric == "fps":
                    yield table, column


def _number(row: Row, column: PaperColumn) -> float:
    return float(row.published[column.key].removesuffix(column.unit))
