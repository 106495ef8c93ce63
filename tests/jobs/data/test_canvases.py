from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest

from attnctl.datasets import describe
from attnctl.jobs.data.canvases import SIZES, canvases

PARTS = ("train", "test")


def digest(part: str) -> str:
    made = canvases(part)
    arrays = (made.images, made.owners, *made.table.objects)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def test_the_canvases_are_the_same_as_in_version_1() -> None:
    assert [digest(part) for part in PARTS] == ["f5162867fb00a582", "6848c52370205d27"]


@pytest.mark.parametrize("part", PARTS)
def test_boxes_areas_and_labels_are_those_of_the_masks(part: str) -> None:
    made = canvases(part)
    for index in range(0, len(made), 5):
        objects, masks, classes = made.table.of(index), made.masks(index, 128, 128), made.classes(index, 128, 128)
        assert masks.sum((1, 2)).tolist() == objects.area.tolist()
        for box, label, mask in zip(objects.boxes.astype(int), objects.labels, masks, strict=True):
            x1, y1, x2, y2 = box
            assert mask[y1:y2, x1:x2].sum() == mask.sum()
            assert all(side.any() for side in (mask[y1], mask[y2 - 1], mask[:, x1], mask[:, x2 - 1]))
            assert set(classes[mask > 0]) == {label}
        assert ((classes > 0) & (classes < 255)).sum() == masks.sum()


def test_every_part_has_all_digits_some_empty_canvases_and_overlaps() -> None:
    for part in PARTS:
        made = canvases(part)
        assert len(made) == SIZES[part]
        assert set(made.table.objects.labels) == set(range(1, 11))
        assert set(np.diff(made.table.first)) == set(range(6))
    train = canvases("train")
    boxes = [train.table.of(index).boxes for index in range(len(train))]
    overlaps = [
        np.minimum(one[2:], two[2:]).min() > 0 and (np.minimum(one[2:], two[2:]) > np.maximum(one[:2], two[:2])).all()
        for row in boxes
        for one, two in pairwise(row)
    ]
    assert any(overlaps)


def test_the_descriptors_match_the_canvases() -> None:
    shade = canvases("train").images / 255
    for name in ("digits-det", "digits-seg"):
        described = describe(name)
        assert (described.train_size, described.test_size) == (len(canvases("train")), len(canvases("test")))
        assert described.mean == pytest.approx([shade.mean()] * 3, abs=1e-3)
        assert described.std == pytest.approx([shade.std()] * 3, abs=1e-3)


def test_the_parts_have_different_ids() -> None:
    numbers = [canvases(part).number(index) for part in PARTS for index in range(SIZES[part])]
    assert numbers == list(range(1, 751))
