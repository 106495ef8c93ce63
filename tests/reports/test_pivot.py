"""Comparisons with the values of an axis beside each other."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl.db.rows import RunRow
from attnctl.reports import comparison
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.report import Report
from attnctl.reports.selection import Options, Pivot
from attnctl.reports.statistics.gains import gain
from attnctl.reports.table import Cell, ReportTable
from attnctl.values import SpecError
from tests.reports.report_rows import rows

SEEDS = ("0", "1", "2")
VALUES = [90.0, 91.0, 92.0, 80.0, 81.0, 82.0, 93.0, 94.0, 96.0, 81.0, 82.0, 82.5, 90.5, 91.5, 92.0, 83.0, 84.0, 85.0]
"""Of none, ela and se; each on two backbones, with three seeds."""


def two_backbones(**axes: Any) -> list[RunRow]:
    return rows(VALUES, ("none", "ela", "se"), SEEDS, backbones=("resnet20", "resnet56"), **axes)


def pivot(made: list[RunRow], axis: str, names: DisplayNames | None = None, **more: Any) -> Report:
    own = {name: more.pop(name) for name in ("transpose", "delta") if name in more}
    sweeps = more.pop("sweeps", None)
    options = Options(pivot=Pivot(axis=axis, **own), names=names or DisplayNames(), **more)
    return comparison.build(made, "Sweep first", options=options, sweeps=sweeps)


def line(table: ReportTable, header: str) -> dict[str, Cell]:
    (row,) = [row for group in table.groups for row in group.rows if row.header[0] == header]
    return {column.name: cell for column, cell in zip(table.columns, row.cells, strict=True)}


def test_modules_stand_beside_backbones_with_average_and_mean_rank() -> None:
    report = pivot(two_backbones(), "backbone")
    table = report.table
    assert [(column.span, column.title) for column in table.columns] == [
        ("top-1 (%)", "ResNet-20"),
        ("top-1 (%)", "ResNet-56"),
        ("top-1 (%)", "average"),
        ("", "mean rank"),
    ]
    (group,) = table.groups
    assert group.title == "Digits"
    assert report.names == ("no attention", "ELA", "SE") == tuple(row.header[0] for row in group.rows)
    ela = line(table, "ELA")
    assert ela["resnet20.top1"].values == (93.0, 94.0, 96.0)
    assert ela["average"].value == pytest.approx((94 + 1 / 3 + 81.8333333) / 2)
    assert [line(table, name)["rank"].value for name in report.names] == [3.0, 1.5, 1.5]
    assert (ela["resnet20.top1"].best, line(table, "SE")["resnet56.top1"].best) == (True, True)
    assert line(table, "ELA")["average"].best
    assert any(
        note.startswith("average, mean rank: of rows that are completed for all 2 backbones") for note in table.notes
    )


def test_a_row_that_one_backbone_lacks_has_no_average_and_no_rank() -> None:
    made = [run for run in two_backbones() if (run.module, run.backbone) != ("se", "resnet56")]
    table = pivot(made, "backbone").table
    assert line(table, "SE")["resnet56.top1"] == line(table, "SE")["average"] == line(table, "SE")["rank"] == Cell()
    assert [line(table, name)["rank"].value for name in ("no attention", "ELA")] == [2.0, 1.0]


def test_several_columns_of_a_backbone_stand_under_its_name() -> None:
    table = pivot(two_backbones(), "backbone", columns=("top1", "params")).table
    assert [(column.span, column.name) for column in table.columns][:3] == [
        ("ResNet-20", "resnet20.top1"),
        ("ResNet-20", "resnet20.top1.gain"),
        ("ResNet-20", "resnet20.params"),
    ]
    assert line(table, "ELA")["resnet56.top1.gain"].method == "paired"
    assert any(note.startswith("gain: mean difference") for note in table.notes)


def test_the_axis_can_stand_in_the_rows() -> None:
    table = pivot(two_backbones(), "backbone", transpose=True).table
    assert table.headers == ("backbone",)
    assert [row.header[0] for row in table.groups[0].rows] == ["ResNet-20", "ResNet-56", "average", "mean rank"]
    assert [column.title for column in table.columns] == ["no attention", "ELA", "SE"]
    whole = pivot(two_backbones(), "backbone").table
    assert line(table, "mean rank")["ELA.top1"] == line(whole, "ELA")["rank"]
    assert line(table, "ResNet-56")["SE.top1"].values == (83.0, 84.0, 85.0)
    wide = pivot(two_backbones(), "backbone", transpose=True, columns=("top1", "params")).table
    assert [len(row.cells) for row in wide.groups[0].rows] == [len(wide.columns)] * 4


def test_a_hyperparameter_is_an_axis_and_rows_without_it_have_one_number() -> None:
    plain = rows([90.0, 91.0, 92.0], ("none",), SEEDS)
    grid = {("ela", "kernel"): ("5", "7"), ("ela", "groups"): ("1", "c")}
    ela = rows([float(number) for number in range(80, 92)], ("ela",), SEEDS, addressed=grid)
    table = pivot([*plain, *ela], "kernel").table
    assert [column.title for column in table.columns] == ["k = 5", "k = 7"]
    headers = [row.header[0] for row in table.groups[0].rows]
    assert headers == ["ResNet-20", "ELA (groups = 1)", "ELA (groups = c)"]
    cells = line(table, "ResNet-20")
    assert cells["5.top1"].value == cells["7.top1"].value == 91.0
    assert "the same for every kernel" in {note.text for note in table.footnotes}


def test_two_sweeps_stand_beside_each_other_with_paired_differences() -> None:
    first = rows([90.0, 91.0, 92.0, 93.0, 94.0, 96.0], ("none", "ela"), SEEDS)
    second = rows([91.0, 91.5, 92.0, 93.5, 95.0, 96.5], ("none", "ela"), SEEDS, overrides={"lr": ("0.05",)})
    sweeps = {"old": [run.id for run in first], "new": [run.id for run in second]}
    table = pivot([*first, *second], "sweep", delta=True, sweeps=sweeps).table
    assert [column.title for column in table.columns] == ["old", "new", "difference"]
    found = line(table, "ELA")["new.top1.difference"]
    expected = gain({0: 93.5, 1: 95.0, 2: 96.5}, {0: 93.0, 1: 94.0, 2: 96.0})
    assert (found.value, found.interval, found.method) == (expected.value, expected.interval, "paired")
    assert any(note.startswith("difference: to old") for note in table.notes)


def test_the_plain_row_has_the_users_name() -> None:
    table = pivot(two_backbones(), "backbone", DisplayNames({"none": "Baseline"})).table
    assert table.groups[0].rows[0].header == ("Baseline",)


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ("backbon", "did you mean 'backbone'"),
        ("dataset", "all runs have Digits; it needs two values or more"),
        ("module", "modules are the rows"),
    ],
)
def test_an_axis_without_two_values_is_refused(axis: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        pivot(two_backbones(), axis)


def test_means_over_other_seeds_beside_each_other_are_told() -> None:
    made = [run for run in two_backbones() if run.backbone == "resnet20" or run.seed == 0]
    report = pivot(made, "backbone")
    words = "no attention, ELA, SE: not the same seeds: 0, 1, 2 (ResNet-20); 0 (ResNet-56)"
    assert words in report.warnings
    assert f"{words}." in report.table.notes
    assert not any("not the same seeds" in text for text in pivot(two_backbones(), "backbone").warnings)


def test_options_of_parts_are_axes_and_seeds_are_not() -> None:
    made = rows([90.0, 91.0], ("none",), overrides={"loss": ("focal",), "loss.gamma": ("1", "3")})
    assert [column.title for column in pivot(made, "loss.gamma").table.columns] == ["loss.gamma=1", "loss.gamma=3"]
    with pytest.raises(SpecError, match="--pivot seed: a row is the mean over its seeds; choose one with --seed"):
        pivot(two_backbones(), "seed")
