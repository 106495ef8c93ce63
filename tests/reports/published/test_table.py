"""A paper's table, what was measured beside what is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl import papers
from attnctl.papers import model
from attnctl.reports import published
from attnctl.reports.table import ReportTable, all_rows
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Imported
from tests.reports.published.published_tables import EAN2, TABLES, build, trained_rows
from tests.reports.report_workspace import cells, footnotes, line, request, specs, train
from tests.reports.report_workspace import table as named


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_shows_what_is_printed_with_or_without_runs(table: model.PaperTable, workspace: Workspace) -> None:
    for report in (build(workspace, table), published.build(table, cells(table), {})):
        made = report.table
        assert report.names == tuple(row.name for row in table.rows)
        assert [row.header for _, row in all_rows(made)] == [(row.printed,) for row in table.rows]
        assert len({column.name for column in made.columns}) == len(made.columns)
        for row in table.rows:
            shown = line(made, row.name, report.names)
            for key, text in row.published.items():
                assert shown[f"{key}.published"].printed == text
        assert ReportTable.from_json(json.loads(json.dumps(made.to_json()))) == made
        marks = [
            mark
            for _, row in all_rows(made)
            for marks_of_one in (row.marks, *(cell.marks for cell in row.cells))
            for mark in marks_of_one
        ]
        assert list(dict.fromkeys(marks)) == [note.mark for note in made.footnotes] or set(marks) == {
            note.mark for note in made.footnotes
        }


@pytest.mark.parametrize("table", [table for table in TABLES if trained_rows(table)], ids=lambda table: table.name)
def test_every_table_that_can_be_trained_has_our_numbers(table: model.PaperTable, workspace: Workspace) -> None:
    report = build(workspace, table)
    for number, name in enumerate(trained_rows(table)[:3]):
        shown = line(report.table, name, report.names)
        (row,) = (row for row in table.rows if row.name == name)
        for column in (column for column in table.columns if column.kind == "run"):
            cell = shown[column.key]
            assert cell.n == (2 if number < 2 else 1)
            assert cell.runs
            if column.key in row.published:
                apart = shown[f"{column.key}.difference"].value
                assert cell.value is not None
                assert apart == pytest.approx(cell.value - float(row.published[column.key]))
            if column.metric == "top1":
                top1 = 60.0 + number + (0.5 if number < 2 else 0.0)
                assert cell.value == pytest.approx(100 - top1 if column.error else top1)


def test_missing_cells_have_a_reason(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    rows = {name: specs(EAN2, name, ("0", "1", "2")) for name in ("ResNet50", "ResNet50+SE", "ResNet50+SA")}
    train(workspace, rows["ResNet50"][0], 60.0)
    train(workspace, rows["ResNet50"][1], 61.0)
    train(workspace, rows["ResNet50"][2], outcome="diverged")
    train(workspace, rows["ResNet50+SE"][0], outcome="error")
    request(workspace, rows["ResNet50+SA"][0])
    report = build(workspace, EAN2, cells(EAN2, (), ("0", "1", "2")), asked=True)
    states = {name: line(report.table, name, report.names)["top1"].state for name in (*rows, "ResNet50+CA")}
    assert states == {
        "ResNet50": "n=2 of 3: diverged",
        "ResNet50+SE": "failed: code error, not run",
        "ResNet50+SA": "submitting, not run",
        "ResNet50+CA": "not run",
    }


WAITING = """
name = "mine"
title = "Of a network that is none of attnctl's"
[tables.1]
caption = "c"
task = "detection"
columns = [{ key = "ap", metric = "ap" }, { key = "ap50", metric = "ap50" }, { key = "params", metric = "params" }]
[[tables.1.rows]]
row = "RetinaNet"
ap = "36.5"
"""


def test_a_network_that_attnctl_lacks_waits(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(WAITING)
    table = papers.load(str(tmp_path / "mine.toml")).tables["1"]
    report = published.build(table, cells(table), {})
    assert line(report.table, "RetinaNet", report.names)["ap"].state == "waits for detection"
    assert [column.name for column in report.table.columns if "." not in column.name] == ["ap"]


def test_detectors_have_their_metrics_their_counts_and_their_speed(workspace: Workspace) -> None:
    table = named("ela:7")
    spec = specs(table, "YOLOX-Nano+SE")[0]
    report = build(workspace, table)
    shown = line(report.table, "YOLOX-Nano+SE", report.names)
    assert shown["map"].value == pytest.approx(62.0)
    assert shown["map.published"].printed == "73.58"
    assert (shown["params"].printed, shown["params.exact"].value) == ("3.55", 931691)
    assert shown["flops"].printed == "1.287"
    assert shown["fps"].state == "not measured"
    assert spec.network == "yolox_nano cspdarknet_nano"


def test_imported_numbers_are_shown_alone_and_noted(workspace: Workspace) -> None:
    imports = [
        Imported(source="their log", values={"top1": 79.0}, table="ean:2", row="ResNet50+SA", seed=0),
        Imported(source="their log", values={"top1": 80.0}, table="ean:2", row="ResNet50+SA", seed=1),
        Imported(source="a poster", values={"top1": 70.0}, table="ean:2", row="ResNet50+SE"),
        Imported(source="elsewhere", values={"top1": 1.0}, table="ean:1", row="ResNet50+SE"),
    ]
    report = build(workspace, EAN2, imports=imports)
    theirs = line(report.table, "ResNet50+SA", report.names)
    assert (theirs["top1"].value, theirs["top1"].n, theirs["top1"].runs) == (79.5, 2, ())
    assert theirs["top1.difference"].value == pytest.approx(79.5 - 78.88)
    assert theirs["top1.gain"].value is None
    assert footnotes(report.table, theirs["top1"]) == ["imported from their log"]
    ours = line(report.table, "ResNet50+SE", report.names)["top1"]
    assert ours.value == 61.5
    assert footnotes(report.table, ours) == ["imported from a poster: 70.00"]


def test_an_imported_accuracy_becomes_an_error_rate_if_the_paper_prints_error_rates() -> None:
    table = named("nam:1")
    imports = [Imported(source="x", values={"top1": 80.0}, table="nam:1", row="ResNet50")]
    report = published.build(table, cells(table), {}, imports=imports)
    assert line(report.table, "ResNet50", report.names)["top1"].value == 20.0
