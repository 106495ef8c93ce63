"""Runs of detection and segmentation in the index, the comparison and what goes out: their model and their metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

from attnctl.db import open_index
from attnctl.db.rows import RunRow
from attnctl.grid import Axes, expand
from attnctl.reports import comparison
from attnctl.reports.exchange import rerun_commands, results
from attnctl.reports.selection import Options
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Imported, Speed
from tests.reports.report_workspace import NOW, footnotes, line, train

Rows = dict[str, RunRow]


def specs_of(
    model: str,
    backbone: str,
    dataset: str,
    modules: tuple[str, ...] = ("none", "se"),
    seeds: tuple[str, ...] = ("0", "1"),
) -> list[RunSpec]:
    expansion = expand(
        Axes(modules=modules, models=(model,), backbones=(backbone,), datasets=(dataset,), seeds=seeds, recipe=None)
    )
    assert not expansion.invalid, expansion.invalid
    return expansion.specs


DETECTORS = specs_of("yolof", "resnet18", "digits-det")
MASKS = specs_of("maskrcnn", "resnet18", "digits-det", modules=("none",), seeds=("0",))
VOC = specs_of("ssdlite320", "mobilenext", "voc07", modules=("none",), seeds=("0",))
MAPS = specs_of("deeplabv3", "resnet18", "digits-seg", modules=("none",), seeds=("0",))
CLASSIFIERS = specs_of("", "resnet20", "digits", modules=("none",), seeds=("0",))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    for group, specs in enumerate((DETECTORS, MASKS, VOC, MAPS, CLASSIFIERS)):
        for spec in specs:
            train(workspace, spec, 30.0 + group, 40.0 + group + spec.seed, 35.0 + group + spec.seed)
    with open_index(workspace) as index:
        index.refresh()
        found = index.runs()
        for row in found:  # read while the index is open
            assert row.best
            assert row.recipe
            assert row.hyperparameters is not None
            assert row.spec
    return {row.id: row for row in found}


def of(rows: Rows, specs: list[RunSpec]) -> list[RunRow]:
    return [rows[spec.id] for spec in specs]


def test_the_index_knows_the_model_and_each_tasks_best_epoch(rows: Rows) -> None:
    for spec in (*DETECTORS, *MASKS, *VOC, *MAPS, *CLASSIFIERS):
        row = rows[spec.id]
        assert (row.model, row.network, row.best_epoch) == (spec.model, spec.network, 2)
    assert rows[VOC[0].id].best["map"] == 42.0
    assert ("model 1" in rows[VOC[0].id].versions, "model" in rows[CLASSIFIERS[0].id].versions) == (True, False)


@pytest.mark.parametrize(
    ("specs", "columns"),
    [
        (DETECTORS, ["ap", "ap.gain", "ap50", "ap50.gain", "ap75", "ap75.gain"]),
        (MASKS, ["ap", "ap50", "ap75", "mask_ap", "mask_ap50", "mask_ap75"]),
        (VOC, ["map"]),
        (MAPS, ["miou", "pixel_accuracy"]),
        (CLASSIFIERS, ["top1", "top5"]),
    ],
    ids=lambda value: value[0].model or "classifier" if isinstance(value[0], type(VOC[0])) else "",
)
def test_a_comparison_has_the_metrics_of_the_task(rows: Rows, specs: list[RunSpec], columns: list[str]) -> None:
    made = comparison.build(of(rows, specs)).table
    assert [column.name for column in made.columns][: len(columns)] == columns
    assert [column.name for column in made.columns][len(columns) :][:2] == ["params", "macs"]


def test_detectors_are_compared_in_their_own_groups(rows: Rows) -> None:
    report = comparison.build(of(rows, DETECTORS), options=Options(epoch="best"))
    (group,) = report.table.groups
    assert group.title == "YOLOF, ResNet-18 on Digits (detection)"
    shown = line(report.table, "no attention", report.names)
    assert (shown["ap"].value, shown["ap"].n) == (40.5, 2)
    assert footnotes(report.table, shown["ap"]) == ["the best epoch on the test set, chosen by the test set itself"]
    assert report.table.notes[0].startswith(
        "AP, AP50 and AP75: COCO's average precision of boxes, over overlaps from 0.5 to 0.95, at 0.5 and at 0.75; "
        "on the test set in the epoch with the highest AP."
    )


def test_in_a_table_of_several_tasks_columns_of_other_tasks_are_empty(rows: Rows) -> None:
    report = comparison.build([*of(rows, VOC), *of(rows, MAPS), *of(rows, CLASSIFIERS)])
    titles = [group.title for group in report.table.groups]
    assert titles == [
        "DeepLabV3, ResNet-18 on Digits (segmentation)",
        "ResNet-20 on Digits",
        "SSDLite320, MobileNeXt on VOC 2007",
    ]
    names = [column.name for column in report.table.columns]
    for group, own in zip(report.table.groups, ({"miou", "pixel_accuracy"}, {"top1", "top5"}, {"map"}), strict=True):
        (row,) = group.rows
        filled = {name for name, cell in zip(names, row.cells, strict=True) if cell.value is not None or cell.state}
        assert filled - {"params", "macs"} == own


def test_a_speed_is_that_of_the_detector_and_not_of_its_backbone(rows: Rows) -> None:
    spec = DETECTORS[0]
    told: dict[str, Any] = {
        "at": NOW, "device": "A100", "module": spec.module, "hyperparameters": {}, "backbone": spec.backbone,
        "placement": "", "dataset": spec.dataset, "input_size": 128, "batch": 1, "precision": "fp32", "compiled": False,
        "seconds": 0.01, "spread": 0.0, "plain_seconds": 0.01,
    }  # fmt: skip
    speeds = [Speed(model=spec.model, **told), Speed(**{**told, "seconds": 0.001})]
    report = comparison.build(of(rows, DETECTORS), speeds=speeds)
    assert line(report.table, "no attention", report.names)["fps"].value == pytest.approx(100)


def no_table(name: str) -> NoReturn:
    raise AssertionError(f"{name} was asked for")


def test_imported_numbers_are_shown_beside_the_detectors(rows: Rows) -> None:
    text = "label,model,backbone,dataset,ap,source\nnone,yolof,resnet18,digits-det,44.4,elsewhere\n"
    found = results.read(text.encode(), "a.csv", "elsewhere", no_table)
    assert found.records == [
        Imported(
            source="elsewhere",
            values={"ap": 44.4},
            label="none",
            backbone="yolof resnet18",
            dataset="digits-det",
        )
    ]
    report = comparison.build(of(rows, DETECTORS), imports=found.records)
    (group,) = report.table.groups
    assert [row.header for row in group.rows] == [("YOLOF, ResNet-18",), ("SE",), ("YOLOF, ResNet-18",)]


def test_the_command_that_trains_a_detector_again_means_the_same_run(rows: Rows, tmp_path: Path) -> None:
    from attnctl.cli.sweeping.axes import axes
    from attnctl.cli.sweeping.dynamic_options import Dynamic

    for spec in (DETECTORS[-1], VOC[0], MAPS[0]):
        (made,) = rerun_commands.commands([spec], tmp_path, "sources", {})
        words = dict(zip(made.command.split()[3::2], made.command.split()[4::2], strict=True))
        assert words["--model"] == spec.model
        given = {name: [words[f"--{name}"]] for name in ("model", "backbone", "dataset", "seed")}
        fields = {
            name.removeprefix("--").replace("-", "_"): value
            for name, value in words.items()
            if name not in {"--model", "--backbone", "--dataset", "--seed", "--recipe", "--placement", "-p"}
        }
        request = axes(
            spec.module,
            given={**given, "placement": [words["--placement"]] if "--placement" in words else None},
            addressed=(),
            recipe=words["--recipe"],
            dynamic=Dynamic({}, fields),
            defaults={},
        )
        assert [item.id for item in expand(request).specs] == [spec.id]
