"""What a comparison shows of its runs, by their task."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from attnctl.db import RunRow
from attnctl.reports import comparison
from attnctl.reports.comparison.metrics import COLUMNS, columns_of, definitions, primary, shown
from attnctl.reports.selection import Options
from tests.jobs.data.published import image_folders
from tests.reports.report_rows import rows

(CLASSIFIER,) = rows([90.0], ("ela",))


def of(model: str, dataset: str) -> RunRow:
    return dataclasses.replace(CLASSIFIER, model=model, dataset=dataset)


@pytest.mark.parametrize(
    ("row", "first", "decides"),
    [
        (CLASSIFIER, "top1", "top1"),
        (of("ssdlite320", "coco"), "ap", "ap"),
        (of("ssdlite320", "voc0712"), "map", "map"),
        (of("maskrcnn", "coco"), "ap", "mask_ap"),
        (of("deeplabv3", "voc12"), "miou", "miou"),
        (of("a model of a newer release", "digits"), "top1", "top1"),
        (of("ssdlite320", "a data set of a newer release"), "ap", "ap"),
    ],
)
def test_a_run_is_shown_by_the_metrics_of_its_task_and_data_set(row: RunRow, first: str, decides: str) -> None:
    assert shown(row)[0] == first
    assert primary(row) == decides


def test_the_columns_are_those_of_all_runs_in_one_order() -> None:
    names = [column.name for column in columns_of([of("ssdlite320", "coco"), CLASSIFIER])]
    assert names == [name for name in COLUMNS if name in {"top1", "top5", "ap", "ap50", "ap75"}]
    assert [column.name for column in columns_of([])] == ["top1", "top5"]


def test_only_shown_columns_are_defined() -> None:
    words = definitions(columns_of([CLASSIFIER]))
    assert words == "top-1 and top-5: accuracy"
    assert "average precision" in definitions(columns_of([of("ssdlite320", "coco")]))


@pytest.mark.parametrize(("classes", "left_out"), [(3, True), (6, False)])
def test_top5_is_left_out_where_no_data_set_has_more_than_five_classes(
    classes: int, left_out: bool, tmp_path: Path
) -> None:
    image_folders(tmp_path / "mine", classes=classes)
    made = rows([40.0, 45.0], ("none", "se"), datasets=(str(tmp_path / "mine"),), backbones=("resnet20",))
    table = comparison.build(made).table
    assert ("top5" not in {column.name for column in table.columns}) is left_out
    assert ("top-5" not in table.notes[0]) is left_out
    asked = comparison.build(made, options=Options(columns=("top1", "top5"))).table
    assert [column.name for column in asked.columns] == ["top1", "top5"]
