"""How detectors take images and targets."""

from __future__ import annotations

import torch

from attnctl.models.resizing import MEAN, STD, Resizing
from tests.attnctl.models.rectangles import SIZE, narrow, scenes


def test_a_class_map_is_resized_with_its_image() -> None:
    network = narrow("htc", size=32)
    images, targets = scenes()
    for each in targets:
        each["semantic"] = torch.zeros(SIZE, SIZE, dtype=torch.int64)
        each["semantic"][:, 32:] = 182
    _, resized = network.transform(images, targets)
    assert resized[0]["semantic"].shape == (32, 32)
    assert resized[0]["semantic"].unique().tolist() == [0, 182]
    assert targets[0]["semantic"].shape == (SIZE, SIZE)
    losses = network.train()(images, targets)
    assert losses["loss_semantic"].isfinite()


def test_crowds_and_boxes_of_no_area_are_left_out_and_the_rest_is_in_the_new_pixels() -> None:
    target = {
        "boxes": torch.tensor([[0.0, 0, 20, 10], [5, 5, 5, 20], [0, 0, 40, 20]]),
        "labels": torch.tensor([1, 2, 3]),
        "iscrowd": torch.tensor([0, 0, 1]),
    }
    images, targets = Resizing(40, 80, MEAN, STD)([torch.rand(3, 20, 40)], [target])
    assert images.image_sizes == [(40, 80)]
    assert targets[0]["boxes"].tolist() == [[0, 0, 40, 20]]
    assert targets[0]["labels"].tolist() == [1]
