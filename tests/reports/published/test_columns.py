"""Columns and rows of a paper's table, as they are chosen."""

from __future__ import annotations

import statistics

import pytest

from attnctl.reports import published
from attnctl.reports.selection import Options
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.reports.published.published_tables import EAN2, build
from tests.reports.report_workspace import cells, line


def test_a_column_is_published_measured_and_apart(workspace: Workspace) -> None:
    report = build(workspace, EAN2)
    names = [column.name for column in report.table.columns]
    assert names == [
        *(f"params{part}" for part in (".published", "", ".difference", ".exact")),
        *(f"flops{part}" for part in (".published", "", ".difference", ".exact")),
        *(f"top1{part}" for part in (".published", "", ".difference", ".gain")),
    ]
    assert {column.span for column in report.table.columns} == {"Params (M)", "FLOPs (G)", "Top-1 Acc (%)", ""}
    exact = [column for column in report.table.columns if column.name.endswith(".exact")]
    assert [(column.span, column.heading) for column in exact] == [("", "Params exact"), ("", "FLOPs exact")]
    shown = line(report.table, "ResNet50+SE", report.names)
    assert (shown["params"].printed, shown["params.exact"].value) == ("28.75", 28752132)
    assert shown["params.difference"].printed == "+0.00"
    assert (shown["top1"].value, shown["top1"].n, shown["top1"].wanted) == (61.5, 2, 2)
    assert shown["top1"].spread == pytest.approx(statistics.stdev([61.0, 62.0]))
    assert shown["top1.difference"].value == pytest.approx(61.5 - 78.54)
    assert line(report.table, "ResNet50+SA", report.names)["top1"].state == "not run"


def test_rows_and_columns_are_chosen_and_ordered(workspace: Workspace) -> None:
    options = Options(rows=("ResNet50*",), columns=("top1", "params.exact"), sort="-top1")
    report = build(workspace, EAN2, options=options)
    assert report.names[:3] == ("ResNet50+CBAM", "ResNet50+SE", "ResNet50")
    assert [column.name for column in report.table.columns] == [
        *("top1.published", "top1", "top1.difference", "top1.gain"),
        "params.exact",
    ]
    measured = build(workspace, EAN2, options=Options(columns=(".measured",)))
    assert [column.name for column in measured.table.columns] == ["top1"]
    counted = build(workspace, EAN2, options=Options(columns=(".counted",)))
    assert [column.name for column in counted.table.columns] == ["params", "flops"]
    assert build(workspace, EAN2, options=Options(sort="params.exact")).names[0] == "ResNet50"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(columns=("top2",)), "no such column: 'top2'; did you mean 'top1'?"),
        (Options(columns=("top1.publishd",)), "did you mean 'top1.published'?"),
        (Options(columns=(".exakt",)), "no such column: '.exakt'; did you mean '.exact'?"),
        (Options(columns=("",)), "no such column: ''"),
        (Options(sort="-topp1"), "no such column: 'topp1'"),
        (Options(rows=("ResNet5",)), "has no row 'ResNet5'; did you mean"),
    ],
)
def test_an_unknown_name_is_a_one_line_error(options: Options, message: str) -> None:
    with pytest.raises(SpecError, match=message.replace("?", r"\?").replace(".", r"\.")):
        published.build(EAN2, cells(EAN2), {}, options=options)
