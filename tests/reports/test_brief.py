"""The columns of a printed comparison."""

from __future__ import annotations

from attnctl.reports import comparison
from attnctl.reports.brief import brief, seeds_note
from attnctl.reports.selection import Options
from tests.reports.comparison.compared import three_seeds
from tests.reports.report_rows import rows
from tests.reports.report_tables import published


def test_a_printed_table_has_the_deciding_metric_its_gain_and_the_size() -> None:
    runs = three_seeds()
    for run in runs:
        run.metrics = {**run.metrics, "top5": 99.0}
    table = comparison.build(runs).table
    assert [column.name for column in table.columns] == [
        *("top1", "top1.gain", "top5", "top5.gain", "params", "macs", "seeds")
    ]
    left_out = next(iter({mark for row in table.groups[0].rows for mark in row.cells[3].marks}))
    report = comparison.build(runs)
    made = report.printed
    assert made is not None
    assert [column.name for column in made.columns] == ["top1", "top1.gain", "params", "macs"]
    assert made.notes[-1] == seeds_note(table) == "3 seeds in each row."
    assert left_out in {note.mark for note in table.footnotes}
    assert made.footnotes == ()


def test_the_notes_of_a_printed_table_are_on_its_own_columns() -> None:
    runs = rows([90.0, 91.0, 92.0, 93.0, 94.0, 96.0, 91.0, 92.0, 94.0], ("none", "ela", "se"), ("0", "1", "2"))
    report = comparison.build(runs)
    assert report.printed is not None
    assert any("top-5" in note for note in report.table.notes)
    assert not any("top-5" in note for note in report.printed.notes)
    (tests,) = [note for note in report.printed.notes if note.startswith("Not tested")]
    assert "over 2 comparisons in top-1)" in tests


def test_seeds_that_differ_stay_a_column() -> None:
    runs = three_seeds()
    table = comparison.build([run for run in runs if (run.module, run.seed) != ("ela", 2)]).table
    assert "seeds" in brief(table)
    assert seeds_note(table) == ""


def test_asked_columns_and_a_papers_columns_are_printed() -> None:
    assert comparison.build(three_seeds(), options=Options(columns=("top5",))).printed is None
    assert brief(published()) == tuple(column.name for column in published().columns)
