"""Uniform matching against cases worked out by hand."""

from __future__ import annotations

import torch

from attnctl.models.uniform_matching import IGNORED, NO_OBJECT, match


def squares(*places: tuple[int, int], side: int = 32) -> torch.Tensor:
    """Boxes of one size around places (x, y)."""
    centres = torch.tensor(places).float()
    return torch.cat((centres - side / 2, centres + side / 2), 1)


ROW = squares(*((x, 0) for x in range(0, 256, 32)))
"""Anchors beside each other, 32 apart and 32 wide."""

FAR_AWAY = ROW + 1000
"""Predictions that overlap nothing."""


def test_a_box_gets_its_four_nearest_anchors_and_trains_the_overlapping_ones() -> None:
    """At 100: the anchors at 96, 128, 64 and 160 are nearest; the first overlaps by 28/36, the second by 4/60."""
    found = match(ROW, ROW, squares((100, 0)), torch.tensor([5]))
    assert found.labels.tolist() == [NO_OBJECT, NO_OBJECT, IGNORED, 5, IGNORED, IGNORED, NO_OBJECT, NO_OBJECT]
    assert (found.anchors.tolist(), found.boxes.tolist()) == ([3, 3], [0, 0])  # as anchor and as prediction


def test_so_have_the_four_nearest_predictions() -> None:
    """They are judged by their anchors' overlap; one that is near twice is in the boxes' loss twice."""
    predicted = FAR_AWAY.clone()
    predicted[[2, 3, 6, 7]] = squares((90, 0), (140, 0), (150, 0), (160, 0))
    box = squares((112, 0))  # overlaps the anchors at 96 and 128 by 16 of 48, those at 64 and 160 not at all
    found = match(predicted, ROW, box, torch.tensor([1]))
    assert found.labels.tolist() == [NO_OBJECT, NO_OBJECT, IGNORED, 1, 1, IGNORED, IGNORED, IGNORED]
    assert sorted(found.anchors.tolist()) == [3, 3, 4]


def test_a_prediction_close_to_a_box_is_not_trained_as_background() -> None:
    predicted = FAR_AWAY.clone()
    predicted[:5] = squares((10, 0), (10, 0), (10, 0), (10, 0), (8, 0))
    predicted[7] = squares((14, 0))[0]  # overlaps the box by 28/36, and four others are nearer
    found = match(predicted, ROW, squares((10, 0)), torch.tensor([0]))
    assert found.labels[7] == IGNORED
    assert found.labels[6] == NO_OBJECT


def test_an_anchor_of_two_boxes_has_the_class_of_the_one_that_it_overlaps_most() -> None:
    boxes = squares((60, 0), (70, 0))  # of the anchor at 64: 28/36 and 26/38
    for order in ([0, 1], [1, 0]):
        found = match(FAR_AWAY, ROW, boxes[order], torch.tensor([3, 4])[order])
        assert found.labels[2] == 3
        assert found.anchors.tolist().count(2) == 4


def test_every_box_has_the_same_number_of_anchors() -> None:
    places = [(x, y) for y in (0, 32, 64) for x in (0, 32, 64)]
    anchors = torch.cat((squares(*places), squares(*places, side=64)))
    boxes = torch.cat((squares((32, 32)), squares((40, 40), side=64)))
    found = match(anchors, anchors, boxes, torch.tensor([0, 1]))
    matched = found.labels != NO_OBJECT
    assert matched.sum() == 8
    assert (int(matched[:9].sum()), int(matched[9:].sum())) == (4, 4)


def test_fewer_anchors_than_four_and_no_boxes() -> None:
    found = match(FAR_AWAY[:2], ROW[:2], squares((4, 0)), torch.tensor([2]))
    assert found.labels.tolist() == [2, IGNORED]
    found = match(ROW, ROW, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    assert set(found.labels.tolist()) == {NO_OBJECT}
    assert (len(found.anchors), len(found.boxes)) == (0, 0)
