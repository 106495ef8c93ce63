"""What a detector gave for each image of an evaluation, and the file that keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from faster_coco_eval.core import mask as masks_of
from torch import Tensor

from attnctl.jobs.metrics.detections import Detections, corners_to_sizes


def output(*boxes: list[float], scores: list[float], labels: list[int]) -> dict[str, Tensor]:
    return {"boxes": torch.tensor(boxes).reshape(-1, 4), "labels": torch.tensor(labels), "scores": torch.tensor(scores)}


def target(number: int, labels: list[int] | None = None) -> dict[str, Tensor]:
    count = len(labels or [])
    return {
        "boxes": torch.zeros(count, 4),
        "labels": torch.tensor(labels or [], dtype=torch.int64),
        "area": torch.zeros(count),
        "iscrowd": torch.zeros(count, dtype=torch.uint8),
        "image_id": torch.tensor(number),
    }


def test_results_have_the_data_sets_categories_sorted_by_image(tmp_path: Path) -> None:
    found = Detections((1, 7, 90))
    found.update([output([1.0, 2, 11, 22], [0.0, 0, 4, 4], scores=[0.9, 0.25], labels=[3, 2])], [target(8)])
    found.update([output([5.0, 5, 6, 7], scores=[0.5], labels=[1])], [target(3)])
    found.write(tmp_path / "kept.json")
    assert json.loads((tmp_path / "kept.json").read_text()) == [
        {"image_id": 3, "category_id": 1, "bbox": [5, 5, 1, 2], "score": 0.5},
        {"image_id": 8, "category_id": 90, "bbox": [1, 2, 10, 20], "score": 0.899999976},
        {"image_id": 8, "category_id": 7, "bbox": [0, 0, 4, 4], "score": 0.25},
    ]
    assert found.count == 2


def test_masks_are_stored_as_run_length_encodings() -> None:
    found = Detections((1,), masks=True)
    soft = torch.zeros(1, 1, 6, 5)
    soft[0, 0, 2:4, 1:3] = 0.8
    given = output([1.0, 2, 3, 4], scores=[0.9], labels=[1]) | {"masks": soft}
    found.update([given], [target(3, [1]) | {"masks": (soft[0] > 0.5).to(torch.uint8)}])
    (row,) = found.results()
    decoded = masks_of.decode({**row["segmentation"], "counts": row["segmentation"]["counts"].encode()})
    assert decoded.tolist() == (soft[0, 0] > 0.5).int().tolist()
    assert found.images[0].size == (6, 5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_detection_that_is_not_finite_is_left_out(value: float) -> None:
    found = Detections((1,))
    found.update([output([value, 2, 3, 4], [1.0, 2, 3, 4], scores=[0.9, 0.8], labels=[1, 1])], [target(3)])
    found.update([output([1.0, 2, 3, 4], scores=[value], labels=[1])], [target(4)])
    assert [row["image_id"] for row in found.results()] == [3]


@pytest.mark.parametrize("label", [0, 4])
def test_a_label_that_the_data_set_does_not_have_is_an_error(label: int) -> None:
    found = Detections((1, 7, 90))
    with pytest.raises(ValueError, match="not in 1 to 3"):
        found.update([output([1.0, 2, 3, 4], scores=[0.9], labels=[label])], [target(3)])
    with pytest.raises(ValueError, match="not in 1 to 3"):
        found.update([output(scores=[], labels=[])], [target(3, [label])])


def test_corners_become_sizes() -> None:
    assert corners_to_sizes(np.array([[1.0, 2, 11, 22]])).tolist() == [[1, 2, 10, 20]]
