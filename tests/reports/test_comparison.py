"""The comparison table."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.reports import comparison
from attnctl.reports.selection import Options
from attnctl.reports.table import Cell
from attnctl.workspace.records import Imported
from tests.reports.report_rows import rows


def cell(table, header, column="top1"):
    names = [item.name for item in table.columns]
    (found,) = [row for group in table.groups for row in group.rows if row.header[0] == header]
    return found.cells[names.index(column)]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_seeds_are_one_row_with_mean_and_sample_deviation(values):
    table = comparison.build(rows(values, ("none",), tuple(map(str, range(len(values)))))).table
    found = cell(table, "no attention")
    assert math.isclose(found.value, statistics.fmean(values), abs_tol=1e-12)
    assert (found.n, found.wanted, found.state) == (len(values), len(values), "")
    if len(values) == 1:
        assert found.spread is None
    else:
        assert math.isclose(found.spread, statistics.stdev(values), abs_tol=1e-12)


def test_the_plain_backbone_comes_first_and_the_rows_are_named_by_what_differs():
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    table = comparison.build(
        rows(values, ("se", "ela", "none"), hyperparameters={"kernel": ("7", "5"), "r": ("4", "16")})
    ).table
    (group,) = table.groups
    assert group.title == "resnet20 on digits"
    assert [row.header[0] for row in group.rows] == [
        "no attention",
        "ela kernel=5",
        "ela kernel=7",
        "se r=4",
        "se r=16",
    ]
    assert "ela: groups=c num_groups=16 shared=true in all of its rows." in table.notes


def test_the_best_of_each_group_is_marked_with_whatever_shows_the_same():
    table = comparison.build(rows([90.001, 90.002, 80.0], ("none", "ela", "se"))).table
    assert [cell(table, name).best for name in ("no attention", "ela", "se")] == [True, True, False]
    assert [cell(table, name).second for name in ("no attention", "ela", "se")] == [False, False, True]
    assert not cell(table, "ela", "params").best
    assert not cell(comparison.build(rows([90.0], ("none",))).table, "no attention").best


def test_backbones_and_recipes_that_differ_are_groups_of_their_own():
    made = rows([1.0] * 8, backbones=("resnet20", "resnet56"), overrides={"lr": ("0.1", "0.05")})
    table = comparison.build(made).table
    assert [group.title for group in table.groups] == [
        "resnet20 on digits, lr=0.05",
        "resnet20 on digits, lr=0.1",
        "resnet56 on digits, lr=0.05",
        "resnet56 on digits, lr=0.1",
    ]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("running", "running 45%"),
        ("queued", "queued"),
        ("code error", "failed: code error"),
        ("diverged", "diverged"),
        ("preempted", "preempted"),
    ],
)
def test_what_is_not_done_shows_its_state(state, words):
    one = cell(comparison.build(rows([None], ("none",), state=state)).table, "no attention")
    assert (one.value, one.state) == (None, words)
    made = rows([90.0, 91.0, None], ("none",), ("0", "1", "2"), state=state)
    three = cell(comparison.build(made).table, "no attention")
    assert (three.value, three.n, three.wanted, three.state) == (90.5, 2, 3, f"n=2 of 3: {words}")


def test_a_number_that_is_not_of_the_test_set_says_so():
    table = comparison.build(rows([90.0], ("none",), overrides={"val_split": ("0.1",)})).table
    assert "held out of the training set" in table.notes[0]
    assert "the test set" in comparison.build(rows([90.0], ("none",))).table.notes[0]


def test_attempts_that_disagree_are_told_under_the_table():
    (row,) = rows([90.0], ("none",))
    row.alarm = "attempts 1.0 and 2.0 disagree"
    assert f"Run {row.id}: attempts 1.0 and 2.0 disagree." in comparison.build([row]).table.notes


# ------------------------------------------------------------------------------------------ what more can be asked for


def three_seeds():
    values = [90.0, 91.0, 92.0, 93.0, 94.0, 96.0]
    return rows(values, ("none", "ela"), ("0", "1", "2"))


def test_several_seeds_show_the_gain_over_the_plain_backbone():
    table = comparison.build(three_seeds()).table
    assert [column.name for column in table.columns][:4] == ["top1", "top1.gain", "top5", "top5.gain"]
    gain = cell(table, "ela", "top1.gain")
    assert gain.value == pytest.approx(94.333 - 91, abs=1e-3)
    assert gain.interval[0] < gain.value < gain.interval[1]
    assert cell(table, "no attention", "top1.gain") == Cell()
    assert "top1.gain" not in [column.name for column in comparison.build(rows([1.0, 2.0])).table.columns]
    alone = comparison.build(rows([1.0, 2.0, 3.0], ("ela",), ("0", "1", "2"))).table
    assert "top1.gain" not in [column.name for column in alone.columns]


def test_only_some_seeds_can_be_shown():
    found = cell(comparison.build(three_seeds(), options=Options(seeds=(0, 2))).table, "no attention")
    assert (found.value, found.n, found.wanted) == (91.0, 2, 2)


def test_the_rows_of_each_group_are_ordered_by_a_column():
    made = rows([1.0, 3.0, 2.0, 4.0], ("none", "ela", "se", "eca"))
    assert [row.header[0] for row in comparison.build(made, options=Options(sort="-top1")).table.groups[0].rows] == [
        *("eca", "ela", "se", "no attention")
    ]
    made[1].metrics = {}
    ascending = comparison.build(made, options=Options(sort="top1")).table.groups[0].rows
    assert [row.header[0] for row in ascending] == ["no attention", "se", "eca", "ela"]


def test_columns_are_chosen_with_the_notes_about_them():
    table = comparison.build(three_seeds(), options=Options(columns=("params", "top1"))).table
    assert [column.name for column in table.columns] == ["params", "top1", "top1.gain"]
    only = comparison.build(three_seeds(), options=Options(columns=("macs",))).table
    assert not any("accuracy" in note or "gain" in note for note in only.notes)


def test_the_best_epoch_is_footnoted_when_the_test_set_chose_it():
    (row,) = rows([90.0], ("none",))
    row.details["best"] = {row.id: {"top1": 95.0}}
    table = comparison.build([row], options=Options(epoch="best")).table
    assert cell(table, "no attention").value == 95.0
    assert [note.text for note in table.footnotes] == ["the best epoch on the test set, chosen by the test set itself"]
    (held_out,) = rows([90.0], ("none",), overrides={"val_split": ("0.1",)})
    held_out.details["best"] = {held_out.id: {"top1": 95.0}}
    assert comparison.build([held_out], options=Options(epoch="best")).table.footnotes == ()


def test_imported_rows_stand_beside_what_was_measured():
    imports = [
        Imported(source="their code", values={"top1": 93.0 + seed}, label="X", backbone="resnet20", dataset="digits")
        for seed in (0, 1)
    ]
    far = Imported(source="y", values={"top1": 1.0}, label="Y", backbone="resnet50", dataset="imagenet")
    table = comparison.build(rows([90.0, 91.0]), imports=[*imports, far]).table
    assert [group.title for group in table.groups] == ["resnet20 on digits", "resnet50 on imagenet, imported"]
    theirs = cell(table, "X")
    assert (theirs.value, theirs.n, theirs.runs, theirs.best) == (93.5, 2, (), True)
    assert [note.text for note in table.footnotes] == ["imported from their code", "imported from y"]
    assert (cell(table, "ela").value, cell(table, "ela").second) == (91.0, True)
