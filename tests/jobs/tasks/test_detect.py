"""Detection: the sum of the network's own losses, and the metric of the data set."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from attnctl.datasets import describe
from attnctl.grid import Axes, expand
from attnctl.jobs.data import TrainingData
from attnctl.jobs.metrics.coco import CocoAP
from attnctl.jobs.metrics.voc import VocMAP
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.detect import Detect, Instance, metric_of
from attnctl.jobs.tasks.task import Arithmetic

CPU = torch.device("cpu")
(SPEC,) = expand(Axes(modules=("none",), models=("ssdlite320",), datasets=("digits-det",))).specs
DATA = cast(TrainingData, SimpleNamespace(categories=tuple(range(1, 11))))


class Detector(nn.Module):
    """Gives two losses in training, and the box that it was told in an evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.seen: list[Any] = []

    def forward(self, images: Sequence[Tensor], targets: Any = None) -> Any:
        self.seen.append((images, targets))
        if targets is not None:
            return {"loss_box_reg": self.weight * 3, "loss_classifier": self.weight * 4}
        box = {"boxes": torch.tensor([[1.0, 1, 9, 9]]), "labels": torch.tensor([3]), "scores": torch.tensor([0.9])}
        return [box for _ in images]


def batch(numbers: Sequence[int]) -> Any:
    target = {
        "boxes": torch.tensor([[1.0, 1, 9, 9]]),
        "labels": torch.tensor([3]),
        "area": torch.tensor([64.0]),
        "iscrowd": torch.zeros(1, dtype=torch.uint8),
    }
    return [torch.rand(3, 10, 10) for _ in numbers], [{**target, "image_id": torch.tensor(k)} for k in numbers]


def task(folder: Path, dtype: torch.dtype = torch.float32) -> Detect:
    return Detect(SPEC, DATA, Arithmetic.of(SPEC.recipe, CPU, dtype), folder / "detections.json")


def test_the_loss_is_the_sum_of_the_networks_losses(tmp_path: Path) -> None:
    network, row = Detector(), torch.zeros(1, dtype=torch.float64)
    loss = task(tmp_path).loss(network, batch([1]), row)
    loss.backward()
    assert (loss.item(), row.tolist()) == (14, [14])
    assert network.weight.grad == 7
    assert task(tmp_path).summary([28.0], 4, 8) == {"train_loss": 7}


def test_boxes_and_images_have_the_dtype_of_the_weights(tmp_path: Path) -> None:
    network, row = Detector(), torch.zeros(1, dtype=torch.float64)
    task(tmp_path, torch.float64).loss(network, batch([1]), row)
    ((images, targets),) = network.seen
    assert (images[0].dtype, targets[0]["boxes"].dtype) == (torch.float64, torch.float64)
    assert targets[0]["labels"].dtype == torch.int64


def test_detections_are_evaluated_and_saved(tmp_path: Path) -> None:
    scores = task(tmp_path).scores()
    scores.update(Detector(), batch([5, 6]))
    values, count = scores.compute(Group(0, 1, CPU))
    assert values["ap"] == pytest.approx(100)
    assert count == 2
    kept = json.loads((tmp_path / "detections.json").read_text())
    assert [(row["image_id"], row["category_id"], row["bbox"]) for row in kept] == [
        (5, 3, [1, 1, 8, 8]),
        (6, 3, [1, 1, 8, 8]),
    ]


@pytest.mark.parametrize(("number", "raised"), [(errno.ENOSPC, False), (errno.EACCES, True)])
def test_a_full_disk_loses_the_file_but_not_the_evaluation(
    number: int, raised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, "no")

    scores = task(tmp_path).scores()
    scores.update(Detector(), batch([5]))
    monkeypatch.setattr("attnctl.jobs.tasks.detect.Detections.write", fails)
    if raised:
        with pytest.raises(OSError, match="no"):
            scores.compute(Group(0, 1, CPU))
    else:
        assert scores.compute(Group(0, 1, CPU))[1] == 1


@pytest.mark.parametrize(
    ("name", "kind"), [("coco", CocoAP), ("digits-det", CocoAP), ("voc07", VocMAP), ("voc0712", VocMAP)]
)
def test_each_data_set_is_evaluated_by_its_own_metric(name: str, kind: type) -> None:
    assert type(metric_of(describe(name), range(1, 4), masks=False)) is kind


def test_instances_are_also_evaluated_by_their_masks() -> None:
    assert (Detect.masks, Instance.masks) == (False, True)
    assert metric_of(describe("coco"), (1, 2), masks=Instance.masks).masks
