"""Augmentations of images with boxes: what moves the pixels moves the boxes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from attnctl.jobs.data import boxed
from attnctl.jobs.data.mosaic import Mosaic
from tests.jobs.data.drawn_scenes import extent, picture


def test_a_mirrored_picture_has_its_boxes_masks_and_classes_mirrored() -> None:
    given = picture()._replace(classes=np.arange(120 * 160, dtype=np.uint8).reshape(120, 160))
    torch.manual_seed(0)
    changed = [boxed.flip()(given) for _ in range(8)]
    mirrored = [item for item in changed if not np.array_equal(item.objects.boxes, given.objects.boxes)]
    assert 0 < len(mirrored) < 8
    for item in mirrored:
        assert item.objects.boxes.tolist() == [[100, 30, 140, 90], [20, 10, 70, 50]]
        assert np.array_equal(np.asarray(item.image), np.asarray(given.image)[:, ::-1])
        assert item.masks is not None
        assert given.masks is not None
        assert item.classes is not None
        assert given.classes is not None
        assert np.array_equal(item.masks, given.masks[:, :, ::-1])
        assert np.array_equal(item.classes, given.classes[:, ::-1])
        assert item.objects.area.tolist() == given.objects.area.tolist()


@pytest.mark.parametrize(
    ("augment", "most", "often"), [(boxed.flip_shift, 0.04, range(9, 25)), (boxed.shift, 0.125, range(36, 41))]
)
def test_boxes_are_shifted_with_the_pixels(augment: Callable[[], boxed.Transformed], most: float, often: range) -> None:
    given = picture()._replace(masks=None)
    shifted = 0
    for seed in range(40):
        torch.manual_seed(seed)
        changed = augment()(given)
        assert changed.size == given.size
        for box, label in zip(changed.objects.boxes, changed.objects.labels, strict=True):
            assert box.tolist() == extent(changed.image, label)
        top, bottom = changed.objects.boxes[0][[1, 3]] - [30, 90]
        shifted += top != 0
        assert top == bottom or changed.objects.boxes[0][1] == 0 or changed.objects.boxes[0][3] == 120
        assert max(abs(top), abs(bottom)) <= most * 120 + 0.5
    assert shifted in often


def test_an_object_that_is_shifted_out_of_the_image_is_removed() -> None:
    given = picture(boxes=((0, 0, 2, 2), (40, 40, 90, 90)))._replace(masks=None)
    counts = set()
    for seed in range(40):
        torch.manual_seed(seed)
        changed = boxed.flip_shift()(given)
        counts.add(len(changed.objects.boxes))
        assert len(changed.objects.boxes) == len(changed.objects.labels) == len(changed.objects.area)
    assert counts == {1, 2}


@pytest.mark.parametrize("seed", range(12))
def test_boxes_follow_the_augmentation_of_ssd(seed: int) -> None:
    torch.manual_seed(seed)
    given = picture()._replace(masks=None)
    changed = boxed.ssd()(given)
    height, width = changed.size
    boxes = changed.objects.boxes
    assert len(boxes) >= 1
    assert (boxes[:, 2:] - boxes[:, :2] >= 1).all()
    assert (boxes >= 0).all()
    assert (boxes <= [width, height, width, height]).all()
    bright = np.asarray(changed.image).astype(int)
    for x1, y1, x2, y2 in boxes.round().astype(int):
        inside = bright[y1:y2, x1:x2]
        assert inside.max(-1).min() - inside.min(-1).max() > 0 or len(boxes) > 1  # coloured all over, whatever the hue
    assert changed.objects.area.tolist() == (boxes[:, 2:] - boxes[:, :2]).prod(1).tolist()


def test_every_augmentation_accepts_an_image_without_objects() -> None:
    empty = picture(boxes=())._replace(masks=None)
    torch.manual_seed(0)
    mosaic = Mosaic(lambda _: empty, torch.tensor([0]), 64)
    for augment in (boxed.flip(), boxed.flip_shift(), boxed.ssd(), mosaic, mosaic.without_mosaic):
        changed = augment(empty)
        assert changed.objects.boxes.shape == (0, 4)
        assert changed.objects.labels.dtype == np.int64
