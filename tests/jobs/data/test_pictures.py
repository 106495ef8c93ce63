"""Pictures with their objects: what is wanted of them, and what a training leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.loader import SampleRequest, Unreadable
from attnctl.jobs.data.pictures import Picture, Pictures, Reader
from attnctl.jobs.data.scenes import IGNORED, Objects, make_table

HEIGHT, WIDTH = 20, 30


def objects() -> Objects:
    """One good box, a thin one, a crowd, and one whose outline holds no pixel."""
    flags = np.zeros(4, np.bool_)
    crowd = flags.copy()
    crowd[2] = True
    boxes = np.array([[2, 3, 12, 13], [2, 3, 2.5, 13], [0, 0, 30, 20], [20, 3, 25, 9]], np.float32)
    return Objects(boxes, np.array([1, 2, 3, 4]), np.full(4, 9, np.float32), crowd, flags, ~flags)


class Scene:
    """Two images of that size; the second cannot be read."""

    table = make_table([objects(), objects()], [(HEIGHT, WIDTH)] * 2)

    def __init__(self, classes: int = 0) -> None:
        self.fill = classes

    def number(self, index: int) -> int:
        return 70 + index

    def name(self, index: int) -> str:
        return f"image {index}"

    def image(self, index: int) -> Image.Image:
        if index == 1:
            raise DataError("image 1 cannot be read")
        return Image.new("RGB", (WIDTH, HEIGHT))

    def masks(self, _index: int, height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        masks = np.ones((4, height, width), np.uint8)
        masks[3] = 0
        return masks

    def classes(self, _index: int, height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        found = np.full((height, width), self.fill, np.uint8)
        found[0, 0] = IGNORED
        return found


SCENE: Any = Scene()


def test_an_evaluation_keeps_all_boxes() -> None:
    picture = Reader(SCENE, training=False)(0)
    assert (picture.number, picture.size) == (70, (HEIGHT, WIDTH))
    assert picture.objects.labels.tolist() == [1, 2, 3, 4]
    assert (picture.masks, picture.classes) == (None, None)


def test_a_training_leaves_out_thin_boxes_crowds_and_empty_masks() -> None:
    assert Reader(SCENE, training=True)(0).objects.labels.tolist() == [1, 4]
    masked = Reader(SCENE, training=True, masks=True)(0)
    assert masked.objects.labels.tolist() == [1]
    assert masked.masks is not None
    assert masked.masks.shape == (1, HEIGHT, WIDTH)


@pytest.mark.parametrize(("value", "good"), [(4, True), (5, False)])
def test_a_class_map_may_contain_only_the_classes_and_255(value: int, good: bool) -> None:
    read = Reader(Scene(value), training=True, classes=True, limit=5)  # type: ignore[arg-type]
    if good:
        classes = read(0).classes
        assert classes is not None
        assert classes[0, 0] == IGNORED
    else:
        with pytest.raises(DataError, match="the class map of image 0 contains 5"):
            read(0)


def test_an_unreadable_image_is_replaced_by_an_error() -> None:
    pictures = Pictures(Reader(SCENE, training=True), seed=0)
    assert pictures[SampleRequest(1)] == Unreadable("image 1 cannot be read")


def test_an_augmentation_depends_on_the_step_and_the_position_of_the_sample() -> None:
    drawn: list[float] = []

    def noted(picture: Picture) -> Picture:
        drawn.append(torch.rand(1).item())
        return picture

    pictures = Pictures(Reader(SCENE, training=True), 0, lambda step: noted if step < 5 else None)
    for draw in ((1, 0, 0), (1, 0, 0), (2, 0, 0), (9, 0, 0)):
        pictures[SampleRequest(0, draw)]
    first, again, other = drawn
    assert first == again != other
