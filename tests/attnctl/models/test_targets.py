"""What a detector learns from a target: neither crowds nor boxes of no area."""

import torch

from attnctl.models.targets import trainable, trainable_objects

TARGET = {
    "boxes": torch.tensor([[0.0, 0, 10, 10], [5, 5, 5, 20], [1, 2, 30, 40], [3, 9, 8, 9]]),
    "labels": torch.tensor([1, 2, 3, 4]),
}


def test_boxes_of_no_area_are_left_out() -> None:
    assert trainable(TARGET).tolist() == [True, False, True, False]


def test_crowds_are_left_out() -> None:
    assert trainable({**TARGET, "iscrowd": torch.tensor([1, 0, 0, 0])}).tolist() == [False, False, True, False]


def test_labels_count_from_zero() -> None:
    boxes, labels = trainable_objects(TARGET)
    assert boxes.tolist() == [[0, 0, 10, 10], [1, 2, 30, 40]]
    assert labels.tolist() == [0, 2]


def test_a_target_without_boxes_has_no_trainable_objects() -> None:
    boxes, labels = trainable_objects({"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)})
    assert (boxes.shape, labels.shape) == ((0, 4), (0,))
