"""Detectors and segmentation networks on other images: on their own test images they reach what a training records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.datasets import describe
from attnctl.jobs.data import open_data
from attnctl.jobs.data.scene_data import open_parts
from attnctl.jobs.inspect import evaluating_objects
from attnctl.jobs.inspect.evaluating_objects import ObjectResults
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks import open_task
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.jobs.training.evaluation import evaluate as evaluate_as_in_training
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.untrained import loaded

ROOTS = DataRoots()


def evaluate(found: Trained, dataset: str | None = None) -> ObjectResults:
    images = evaluating_objects.open_images(found, dataset, "test", ROOTS)
    return evaluating_objects.evaluate(found, images, dataset=dataset or found.spec.dataset, split="test")


def recorded(found: Trained, folder: Path) -> dict[str, float]:
    """What the evaluation of a training computes."""
    data = open_data(found.spec, ROOTS, found.device)
    task = open_task(found.spec, data, Arithmetic.of(found.spec.recipe, found.device), folder / "detections")
    return evaluate_as_in_training(task, found.network, data, Group(0, 1, found.device))


def write_coco(folder: Path, order: str = "0123456789") -> Path:
    """The test images of digits-det as a folder in COCO's layout; its categories are in another order."""
    scenes = open_parts(describe("digits-det"), None, "detect").test
    (folder / "test").mkdir(parents=True)
    (folder / "annotations").mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(len(scenes)):
        image, objects = scenes.image(index), scenes.table.of(index)
        image.save(folder / "test" / f"{index}.png")
        images.append({"id": index, "file_name": f"{index}.png", "width": image.width, "height": image.height})
        for label, box, area in zip(objects.labels, objects.boxes.tolist(), objects.area.tolist(), strict=True):
            x1, y1, x2, y2 = box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index,
                    "category_id": order.index(str(scenes.names[label - 1])) + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": area,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(order, 1)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations" / "instances_test.json").write_text(json.dumps(document))
    return folder


def write_voc(folder: Path, name: str = "3") -> Path:
    """One image with one object, which is difficult, in VOC's layout."""
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / part).mkdir(parents=True)
    Image.fromarray(np.full((48, 48, 3), 200, np.uint8)).save(folder / "JPEGImages" / "a.png")
    (folder / "ImageSets" / "Main" / "val.txt").write_text("a\n")
    box = "<bndbox><xmin>5</xmin><ymin>5</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
    item = f"<object><name>{name}</name><difficult>1</difficult>{box}</object>"
    (folder / "Annotations" / "a.xml").write_text(f"<annotation>{item}</annotation>")
    return folder


@pytest.mark.parametrize("model", ["ssdlite320", "deeplabv3"])
def test_the_test_set_gives_what_a_training_records(workspace: Workspace, tmp_path: Path, model: str) -> None:
    found = loaded(workspace, model)
    results = evaluate(found)
    expected = recorded(found, tmp_path)
    assert results.evaluation.metrics.keys() == expected.keys()
    assert all(results.evaluation.metrics[name] == pytest.approx(expected[name], abs=1e-6) for name in expected)
    assert (results.evaluation.images, results.evaluation.split) == (describe(found.spec.dataset).test_size, "test")


def test_the_classes_of_a_folder_are_matched_by_their_names(workspace: Workspace, tmp_path: Path) -> None:
    found = loaded(workspace, "ssdlite320")
    expected = evaluate(found).evaluation.metrics
    results = evaluate(found, str(write_coco(tmp_path / "coco", "9876543210")))
    assert results.evaluation.metrics == pytest.approx(expected, abs=1e-4)
    rows = list(results.rows())
    assert results.detections is not None
    assert len(rows) == sum(len(image.detected.labels) for image in results.detections.images)
    image, name, score, *box = rows[0]
    assert image.endswith(".png")
    assert name in set("0123456789")
    assert 0 <= score <= 1
    assert len(box) == 4


def test_difficult_objects_of_vocs_layout_need_not_be_detected(workspace: Workspace, tmp_path: Path) -> None:
    found = loaded(workspace, "ssdlite320")
    results = evaluate(found, str(write_voc(tmp_path / "voc")))
    assert results.evaluation.images == 1
    assert "ap" not in results.evaluation.metrics, "the only object does not count"


@pytest.mark.parametrize(
    ("model", "folder", "message"),
    [
        ("ssdlite320", "voc", "unknown class 'seven'"),
        ("ssdlite320", "coco", "has other classes than digits-det, on which the run was trained: x"),
        ("ssdlite320", "empty", "has neither annotations/instances_<part>.json, as in COCO's layout"),
        ("ssdlite320", "missing", "there is no folder"),
        ("maskrcnn", "voc", "is in VOC's layout, which has no masks"),
        ("deeplabv3", "voc", "must be the name of a data set for segment"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    workspace: Workspace, tmp_path: Path, model: str, folder: str, message: str
) -> None:
    found = loaded(workspace, model)
    (tmp_path / "empty").mkdir()
    write_voc(tmp_path / "voc", "seven")
    path = write_coco(tmp_path / "coco") / "annotations" / "instances_test.json"
    path.write_text(path.read_text().replace('"name": "4"', '"name": "x"'))
    with pytest.raises((SpecError, ValueError), match=message):
        evaluating_objects.open_images(found, f"{tmp_path}/{folder}", "test", ROOTS)


def test_a_data_set_of_another_task_is_refused(workspace: Workspace) -> None:
    found = loaded(workspace, "ssdlite320")
    with pytest.raises(SpecError, match=f"run {found.run} is for the task detect, digits for classify"):
        evaluating_objects.open_images(found, "digits", "test", ROOTS)


def test_the_network_is_in_evaluation_mode_and_unchanged(workspace: Workspace) -> None:
    found = loaded(workspace, "ssdlite320")
    before = {name: value.clone() for name, value in found.network.state_dict().items()}
    evaluate(found)
    assert all(torch.equal(value, before[name]) for name, value in found.network.state_dict().items())
