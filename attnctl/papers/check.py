"""Checking a user's paper: its modules, backbones, placements, data sets, recipes and counting conventions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from attnctl import attention, backbones, datasets, lines, models, papers, recipes
from attnctl.papers import audit
from attnctl.papers.document import Document
from attnctl.papers.model import COUNTED, Figure, Paper, PaperColumn, PaperTable, Row, Setup
from attnctl.papers.runs import Cells, Overrides, cells_of, figure_cells
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError


@dataclass(frozen=True)
class CheckedPart:
    """The runs of a table or figure. name: `table 1`. runs: per seed. waiting: task -> number of untrainable rows."""

    name: str
    caption: str
    rows: int
    runs: int
    waiting: dict[str, int]


def check(file: str) -> tuple[Paper, list[CheckedPart]]:
    """A user's paper, and the runs of its tables and figures; raises SpecError with the line of an invalid value."""
    paper = papers.load(file)
    checker = _Checker(Document(Path(file).expanduser().read_text(encoding="utf-8"), file))
    tables = [checker.table(table) for table in paper.tables.values()]
    return paper, [*tables, *(checker.figure(figure, paper) for figure in paper.figures.values())]


def _summary(name: str, caption: str, rows: int, all_cells: list[Cells]) -> CheckedPart:
    tasks = Counter(
        task for _, task in {(item.row.name, item.row.setup.task) for item in all_cells if item.row.setup.waits}
    )
    runs = {spec.id for cells in all_cells for spec in cells.specs}
    return CheckedPart(name, caption, rows, len(runs), dict(tasks))


class _Checker:
    """Checks every cell as training, counting or showing it would."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def table(self, table: PaperTable) -> CheckedPart:
        """Check every row of a table."""
        for index, row in enumerate(table.rows):
            for column in table.columns:
                self._cell(table, index, row, column)
        all_cells = cells_of(table, Overrides())
        for cells in all_cells:
            if cells.reason and not cells.row.setup.waits:
                path = ("tables", table.number, "rows", table.rows.index(cells.row))
                raise self._document.error(path, cells.reason)
        return _summary(f"table {table.number}", table.caption, len(table.rows), all_cells)

    def figure(self, figure: Figure, paper: Paper) -> CheckedPart:
        """Check the runs behind a figure."""
        all_cells = figure_cells(figure, paper, Overrides())
        for cells in all_cells:
            if cells.reason and not cells.row.setup.waits:
                raise self._document.error(("figures", figure.number), f"{cells.row.name}: {cells.reason}")
        return _summary(
            f"figure {figure.number}", figure.caption, len({cells.row.name for cells in all_cells}), all_cells
        )

    def _cell(self, table: PaperTable, index: int, row: Row, column: PaperColumn) -> None:
        setup = row.setup_of(column)
        for key, check_value in _checks(setup, column):
            try:
                check_value()
            except SpecError as error:
                raise self._document.error(self._path_of(table, index, row, column, key), str(error)) from error
        if column.metric in COUNTED and column.key in row.published:
            try:
                audit.read(row.published[column.key], audit.unit_of(setup, column))
            except SpecError as error:
                path = ("tables", table.number, "rows", index, column.key)
                raise self._document.error(path, f"{column.key}: {error}") from error

    def _path_of(self, table: PaperTable, index: int, row: Row, column: PaperColumn, key: str) -> lines.Path:
        """The path of a key in the column's changes, the row, the group or the table; in the row if it is unset."""
        top: lines.Path = ("tables", table.number)
        position = table.columns.index(column)
        paths: tuple[lines.Path, ...] = (
            (*top, "columns", position, "changes"),
            (*top, "rows", index),
            (*top, "on", row.on),
            top,
        )
        return next(((*path, key) for path in paths if self._document.contains((*path, key))), paths[1])


def _checks(setup: Setup, column: PaperColumn) -> Iterator[tuple[str, Callable[[], object]]]:
    """The keys of a cell's setup that its column needs, each with a check that raises SpecError."""
    if setup.module != NO_MODULE:
        yield "module", lambda: attention.describe(setup.module)
        yield "hyperparameters", lambda: _check_hyperparameters(setup)
    if setup.waits or column.kind in {"words", "trait"}:
        return
    if setup.model:
        yield "model", lambda: models.describe(setup.model)
    if not setup.maps:
        yield "backbone", lambda: backbones.describe(_required(setup.backbone, "backbone"))
        yield "dataset", lambda: datasets.describe(_required(setup.dataset, "dataset"))
        if setup.module != NO_MODULE:
            for _, own in attention.split(setup.module):
                yield "placement", partial(models.placement, setup.model, setup.backbone, own or setup.placement)
    if column.kind == "run":
        yield "recipe", lambda: recipes.load(setup.recipe or _default_recipe(setup))
    if column.metric in COUNTED:
        yield f"{column.metric}_as", lambda: audit.check_convention(audit.convention_of(setup, column))


def _default_recipe(setup: Setup) -> str:
    return recipes.default_for(setup.dataset, setup.backbone, setup.model)


def _check_hyperparameters(setup: Setup) -> None:
    source = attention.describe(setup.module)
    source.check(source.resolve(dict(setup.hyperparameters)))


def _required(value: str, key: str) -> str:
    if not value:
        raise SpecError(f"has no {key}: set it in the row, in its group, or for the table")
    return value
