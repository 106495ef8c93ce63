"""Notes under the comparison."""

from __future__ import annotations

from attnctl.reports import comparison
from attnctl.reports.selection import Options
from tests.reports.comparison.compared import cell
from tests.reports.report_rows import rows


def test_a_number_that_is_not_from_the_test_set_is_marked() -> None:
    table = comparison.build(rows([90.0], ("none",), overrides={"val_split": ("0.1",)})).table
    assert "held out of the training set" in table.notes[0]
    assert "the test set" in comparison.build(rows([90.0], ("none",))).table.notes[0]


def test_disagreeing_attempts_are_noted_below_the_table() -> None:
    (row,) = rows([90.0], ("none",))
    row.alarm = "attempts 1.0 and 2.0 disagree"
    assert f"Run {row.id}: attempts 1.0 and 2.0 disagree." in comparison.build([row]).table.notes


def test_the_best_epoch_is_footnoted_when_the_test_set_chose_it() -> None:
    (row,) = rows([90.0], ("none",))
    row.details["best"] = {row.id: {"top1": 95.0}}
    table = comparison.build([row], options=Options(epoch="best")).table
    assert cell(table, "none").value == 95.0
    assert [note.text for note in table.footnotes] == ["the best epoch on the test set, chosen by the test set itself"]
    (held_out,) = rows([90.0], ("none",), overrides={"val_split": ("0.1",)})
    held_out.details["best"] = {held_out.id: {"top1": 95.0}}
    assert comparison.build([held_out], options=Options(epoch="best")).table.footnotes == ()
