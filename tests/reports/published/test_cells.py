"""Cells of a paper's table: gains, best and second, speed, what a module is."""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path

import pytest

from attnctl.reports import published
from attnctl.reports.selection import Options
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Speed
from tests.reports.published.published_tables import EAN2, build
from tests.reports.report_workspace import cells, footnotes, line, specs, train
from tests.reports.report_workspace import table as named


def test_the_gain_is_over_the_groups_plain_network(workspace: Workspace) -> None:
    report = build(workspace, EAN2)
    assert line(report.table, "ResNet50", report.names)["top1.gain"].value is None
    gain = line(report.table, "ResNet50+SE", report.names)["top1.gain"]
    assert gain.value == pytest.approx(1.0)
    assert gain.interval is None  # 1.0 in both seeds
    assert "equal in all seeds, so there is no interval" in footnotes(report.table, gain)
    single = line(report.table, "ResNet50+CBAM", report.names)["top1.gain"]
    assert single.value == pytest.approx(1.5)
    assert single.interval is None
    assert line(report.table, "ResNet101", report.names)["top1.gain"].value is None


def test_a_gain_has_the_interval_of_pairs_or_by_option_welchs(workspace: Workspace, tmp_path: Path) -> None:
    own = Workspace(tmp_path)
    for name, values in (("ResNet50", (60.0, 62.0)), ("ResNet50+SE", (61.0, 63.2))):
        for spec, value in zip(specs(EAN2, name, ("0", "1")), values, strict=True):
            train(own, spec, value)
    report = build(own, EAN2)
    gain = line(report.table, "ResNet50+SE", report.names)["top1.gain"]
    assert gain.interval == pytest.approx((1.1 - 12.7062 * 0.1, 1.1 + 12.7062 * 0.1), abs=1e-4)
    assert any("paired t-test" in note for note in report.table.notes)
    welch = build(workspace, EAN2, options=Options(unpaired=True))
    gain = line(welch.table, "ResNet50+SE", welch.names)["top1.gain"]
    assert gain.interval is not None
    assert gain.interval[0] < 1.0 < gain.interval[1]
    assert any("Welch" in note for note in welch.table.notes)


def test_a_gain_needs_several_seeds(workspace: Workspace) -> None:
    report = build(workspace, EAN2, options=Options(seeds=(0,)))
    assert "top1.gain" not in [column.name for column in report.table.columns]
    assert line(report.table, "ResNet50", report.names)["top1"].wanted == 1


def test_the_best_and_the_second_of_a_group_are_marked_and_published_ones_are_not(workspace: Workspace) -> None:
    report = build(workspace, EAN2)
    marked = {
        name: (cell.best, cell.second)
        for name in ("ResNet50", "ResNet50+SE", "ResNet50+CBAM")
        for cell in [line(report.table, name, report.names)["top1"]]
    }
    assert marked == {"ResNet50": (False, False), "ResNet50+SE": (False, True), "ResNet50+CBAM": (True, False)}
    published_cells = [line(report.table, name, report.names)["top1.published"] for name in report.names]
    assert not any(cell.best or cell.second for cell in published_cells)


def test_an_error_rate_counts_wrong_predictions_and_the_lowest_is_best(workspace: Workspace) -> None:
    table = named("nam:1")
    report = build(workspace, table)
    first, second, third = (line(report.table, name, report.names)["top1"] for name in report.names[:3])
    assert [cell.value for cell in (first, second, third)] == [39.5, 38.5, 38.0]
    assert first.spread == pytest.approx(statistics.stdev([40.0, 39.0]))
    assert (third.best, second.second) == (True, True)
    gain = line(report.table, report.names[1], report.names)["top1.gain"]
    assert gain.value == pytest.approx(-1.0)


def test_a_mean_is_of_one_version_of_the_code(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    now = specs(EAN2, "ResNet50", ("0", "1"))
    before = [dataclasses.replace(spec, versions=dataclasses.replace(spec.versions, loop=0)) for spec in now]
    train(workspace, before[0], 10.0)
    train(workspace, now[0], 60.0)
    report = build(workspace, EAN2)
    cell = line(report.table, "ResNet50", report.names)["top1"]
    assert (cell.value, cell.n) == (60.0, 1)
    assert footnotes(report.table, cell) == ["1 run of another code version left out"]
    train(workspace, before[1], 12.0)
    report = build(workspace, EAN2)
    assert line(report.table, "ResNet50", report.names)["top1"].value == 11.0


def test_speed_is_measured_under_named_conditions() -> None:
    table = named("ean:3")
    spec = specs(table, "SE-MX")[0]
    speed = Speed(
        at=1.0,
        device="Some GPU",
        module=spec.module,
        hyperparameters=dict(spec.hyperparameters),
        backbone=spec.backbone,
        placement=spec.placement,
        dataset=spec.dataset,
        input_size=224,
        batch=1,
        precision="fp32",
        compiled=False,
        seconds=0.02,
        spread=0.0,
        plain_seconds=0.01,
    )
    report = published.build(table, cells(table), {}, speeds=[speed])
    shown = line(report.table, "SE-MX", report.names)
    assert (shown["fps"].value, shown["fps.published"].printed) == (50.0, "80FPS")
    assert shown["fps.difference"].value == -30.0
    assert line(report.table, "CBAM-MX", report.names)["fps"].state == "not measured"
    assert "FPS: images per second of inference; Some GPU, batch 1, fp32." in report.table.notes


def test_traits_are_computed() -> None:
    table = named("ela:1")
    report = published.build(table, cells(table), {})
    for row in table.rows:
        shown = line(report.table, row.name, report.names)
        for column in table.columns:
            ours, theirs = shown[column.key].printed, shown[f"{column.key}.published"]
            assert ours == theirs.printed or theirs.marks, (row.name, column.key)


def test_numbers_of_another_data_set_have_no_difference_to_the_published_ones(tmp_path: Path) -> None:
    workspace, ean1 = Workspace(tmp_path), named("ean:1")
    (spec,) = specs(ean1, "MobileNetV2", column="c10", dataset="cifar10")
    train(workspace, spec, 80.0)
    report = build(workspace, ean1, cells(ean1, dataset="cifar10"))
    shown = line(report.table, "MobileNetV2", report.names)
    assert (shown["c10"].value, shown["c100"].value) == (80.0, 80.0)
    assert shown["c10.difference"].value == pytest.approx(80.0 - 83.56)  # on the paper's own data set
    assert "c100.difference" not in shown
    (note,) = (note for note in report.table.notes if "not comparable" in note)
    assert note.startswith("Numbers measured with dataset=cifar10 are not comparable")


def test_an_exact_count_does_not_stand_under_a_unit() -> None:
    report = published.build(named("ean:2"), cells(named("ean:2")), {})
    (column,) = (column for column in report.table.columns if column.name == "params.exact")
    assert column.full_heading == "Params exact"
    assert line(report.table, "ResNet50", report.names)["params.exact"].value == 23_705_252


def test_a_cell_without_the_columns_metric_tells_what_the_runs_measure(tmp_path: Path) -> None:
    ean4 = named("ean:4")
    workspace = Workspace(tmp_path)
    (spec,) = specs(ean4, "MobileNeXt", dataset="digits-det", init="random")
    train(workspace, spec, 30.0)
    (events,) = workspace.run(spec.id).path.rglob("events.jsonl")
    lines = [json.loads(text) for text in events.read_text().splitlines()]
    for event in lines:  # COCO's metrics alone, as of a data set that is not VOC's
        event["values"] = {name: value for name, value in event.get("values", {}).items() if not name.startswith("map")}
    events.write_text("".join(json.dumps(event) + "\n" for event in lines))
    report = build(workspace, ean4, cells(ean4, dataset="digits-det", init="random"))
    cell = line(report.table, "MobileNeXt", report.names)["map"]
    assert (cell.value, cell.state) == (None, "not measured")
    assert footnotes(report.table, cell) == ["runs on digits-det measure AP instead of mAP"]
