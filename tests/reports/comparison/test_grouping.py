"""Rows and groups of the comparison."""

from __future__ import annotations

from attnctl.reports import comparison
from attnctl.reports.selection import Options
from tests.reports.report_rows import rows


def test_the_plain_backbone_is_first_and_rows_are_named_by_differing_settings() -> None:
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
    assert "ela: groups=c num_groups=16 shared=true in all rows." in table.notes


def test_differing_backbones_and_recipes_form_separate_groups() -> None:
    made = rows([1.0] * 8, backbones=("resnet20", "resnet56"), overrides={"lr": ("0.1", "0.05")})
    table = comparison.build(made).table
    assert [group.title for group in table.groups] == [
        "resnet20 on digits, lr=0.05",
        "resnet20 on digits, lr=0.1",
        "resnet56 on digits, lr=0.05",
        "resnet56 on digits, lr=0.1",
    ]


def test_the_rows_of_each_group_are_ordered_by_a_column() -> None:
    made = rows([1.0, 3.0, 2.0, 4.0], ("none", "ela", "se", "eca"))
    assert [row.header[0] for row in comparison.build(made, options=Options(sort="-top1")).table.groups[0].rows] == [
        *("eca", "ela", "se", "no attention")
    ]
    made[1].metrics = {}
    ascending = comparison.build(made, options=Options(sort="top1")).table.groups[0].rows
    assert [row.header[0] for row in ascending] == ["no attention", "se", "eca", "ela"]
