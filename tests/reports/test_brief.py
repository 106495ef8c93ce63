"""The columns of a printed comparison."""

from __future__ import annotations

from dataclasses import replace

from attnctl.reports import comparison
from attnctl.reports.brief import brief
from attnctl.reports.selection import with_columns
from attnctl.reports.table import Footnote
from tests.reports.comparison.compared import three_seeds
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
    made = brief(table)
    assert [column.name for column in made.columns] == ["top1", "top1.gain", "params", "macs"]
    assert made.notes == (*table.notes, "3 seeds in each row.")
    assert left_out in {note.mark for note in table.footnotes}
    assert left_out not in {note.mark for note in made.footnotes}
    assert brief(made) == made


def test_seeds_that_differ_stay_a_column() -> None:
    runs = three_seeds()
    table = comparison.build([run for run in runs if (run.module, run.seed) != ("ela", 2)]).table
    assert "seeds" in [column.name for column in brief(table).columns]


def test_a_papers_table_keeps_its_columns() -> None:
    table = replace(published(), footnotes=(*published().footnotes, Footnote(mark="z", text="unused")))
    assert brief(with_columns(table, [column.name for column in table.columns])) == table
