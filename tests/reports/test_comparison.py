"""The comparison table."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_rows import rows

from reports import comparison


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
