"""Numbers from elsewhere: beside ours, never in a mean with them."""

from __future__ import annotations

from attnctl.reports.imported import Elsewhere, of_cell, with_imports
from attnctl.reports.replicates import Metric
from attnctl.reports.table import Cell, ReportColumn
from attnctl.workspace.records import Imported
from tests.reports.report_workspace import table

EAN2 = table("ean:2")
TOP1 = Metric(name="top1")
COLUMN = ReportColumn(name="top1", title="top-1", unit="%")


def record(source: str, row: str = "ResNet50", of: str = "ean:2", **values: float) -> Imported:
    return Imported(source=source, table=of, row=row, values=values)


def test_imported_values_of_a_cell_are_found_by_source() -> None:
    row = next(row for row in EAN2.rows if row.name == "ResNet50")
    column = next(column for column in EAN2.columns if column.metric == "top1")
    imports = [
        record("lab", top1=76.0),
        record("lab", top1=77.0),
        record("web", top1=75.0),
        record("lab", row="ResNet50+SE", top1=1.0),
        record("lab", of="ean:3", top1=2.0),
        record("lab", params=5.0),
    ]
    assert of_cell(imports, EAN2, row, column) == [Elsewhere("lab", (76.0, 77.0)), Elsewhere("web", (75.0,))]


def test_beside_a_number_of_ours_theirs_is_a_note() -> None:
    ours = Cell(value=78.0, n=1, wanted=1, runs=("a",))
    cell = with_imports(ours, [Elsewhere("lab", (76.0, 77.0))], TOP1, COLUMN)
    assert (cell.value, cell.runs) == (78.0, ("a",))
    assert cell.marks == ("imported from lab: 76.50",)


def test_without_our_number_the_first_imported_one_is_shown() -> None:
    theirs = [Elsewhere("lab", (76.0, 77.0)), Elsewhere("web", (75.0,))]
    cell = with_imports(Cell(state="not run", wanted=3), theirs, TOP1, COLUMN)
    assert (cell.value, cell.n, cell.wanted, cell.state, cell.runs) == (76.5, 2, 2, "", ())
    assert cell.marks == ("imported from lab", "imported from web: 75.00")
    running = with_imports(Cell(state="running 45%", runs=("a",), wanted=1), theirs[:1], TOP1, COLUMN)
    assert running.state == "running 45%", "a run on its way is told all the same"


def test_an_accuracy_becomes_an_error_rate_in_columns_of_error_rates() -> None:
    cell = with_imports(Cell(), [Elsewhere("lab", (76.0,))], Metric(name="top1", error=True), COLUMN)
    assert cell.value == 24.0


def test_nothing_imported_changes_nothing() -> None:
    assert with_imports(Cell(value=1.0), [], TOP1, COLUMN) == Cell(value=1.0)
