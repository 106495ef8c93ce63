"""What is annotated on images: which objects are trained on, and what is left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from attnctl.jobs.data.scenes import LeftOut, Objects, clip, make_table, no_objects, outside, trainable, valid_boxes


def objects(*boxes: tuple[float, float, float, float], **flags: list[bool]) -> Objects:
    """Objects of the labels 1, 2, ... crowd, difficult, outlined: of each of them."""
    count = len(boxes)
    columns = {
        name: np.array(flags.get(name, [name == "outlined"] * count), np.bool_)
        for name in ("crowd", "difficult", "outlined")
    }
    return Objects(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.arange(1, count + 1),
        area=np.full(count, 9.0, np.float32),
        **columns,
    )


GOOD = (2.0, 3.0, 12.0, 13.0)
NEGATIVE = (9.0, 3.0, 2.0, 13.0)
THIN = (2.0, 3.0, 2.5, 13.0)
BEYOND = (40.0, 3.0, 50.0, 13.0)


def arrays(given: Objects) -> list[npt.NDArray[Any]]:
    return [np.asarray(values) for values in given]


def test_a_table_returns_the_objects_of_each_image() -> None:
    images = [objects(GOOD, THIN), no_objects(), objects(BEYOND)]
    table = make_table(images, [(20, 30), (0, 0), (5, 6)])
    assert len(table) == 3
    for index, image in enumerate(images):
        assert all(np.array_equal(a, b) for a, b in zip(arrays(table.of(index)), arrays(image), strict=True))
    assert [table.size(index) for index in range(3)] == [(20, 30), None, (5, 6)]
    assert table.images().tolist() == [0, 0, 2]


def test_boxes_of_negative_size_are_invalid() -> None:
    assert valid_boxes(objects(GOOD, NEGATIVE, (5.0, 5.0, 5.0, 5.0))).tolist() == [True, False, True]


def test_boxes_are_clipped_to_the_image_and_thin_ones_are_not_trained_on() -> None:
    found, good = clip(objects(GOOD, THIN, (-5.0, -5.0, 40.0, 40.0), BEYOND), 20, 30, masks=False)
    assert good.tolist() == [True, False, True, False]
    assert found.boxes[2].tolist() == [0, 0, 30, 20]


def test_crowds_difficult_objects_and_missing_masks_are_not_trained_on() -> None:
    flags = {"crowd": [True, False, False, False], "difficult": [False, True, False, False]}
    given = objects(GOOD, GOOD, GOOD, GOOD, **flags, outlined=[True, True, False, True])
    assert clip(given, 20, 30, masks=False)[1].tolist() == [False, False, True, True]
    assert clip(given, 20, 30, masks=True)[1].tolist() == [False, False, False, True]


def test_objects_outside_a_smaller_image_are_counted() -> None:
    assert outside(objects(GOOD, (22.0, 3.0, 28.0, 9.0)), (20, 30), (20, 20)) == 1


def scenes(*images: Objects) -> Any:
    """Images of 20x30 pixels with these objects."""
    return SimpleNamespace(table=make_table(images, [(20, 30)] * len(images)), name=lambda index: f"image {index}")


def test_images_without_trainable_objects_are_left_out_and_each_reason_is_counted() -> None:
    crowd = objects(GOOD, crowd=[True])
    given = scenes(objects(GOOD), crowd, no_objects(), objects(NEGATIVE, GOOD), objects(BEYOND))
    learned, left = trainable(given, masks=False)
    assert learned.tolist() == [0, 3]
    assert (left.negative, left.small, left.crowds, left.difficult, left.bare, left.images) == (1, 1, 1, 0, 0, 3)
    assert left.first == f"image 3 {list(NEGATIVE)}"


def test_objects_without_a_mask_are_left_out_of_mask_training() -> None:
    learned, left = trainable(scenes(objects(GOOD, outlined=[False]), objects(GOOD)), masks=True)
    assert (learned.tolist(), left.bare, left.images) == ([1], 1, 1)


def test_boxes_that_are_cut_are_told_and_many_of_them_raise_a_doubt() -> None:
    assert LeftOut(0, 0, 0, 0, 0, 0, "", 0, 9).cuts() == ""
    assert LeftOut(0, 0, 0, 0, 0, 0, "", 2, 9).cuts() == "2 of 9 boxes are cut at the edge of the image"
    assert "are they written as [x, y, width, height]" in LeftOut(0, 0, 0, 0, 0, 0, "", 5, 9).cuts()


def test_the_summary_lists_everything_that_is_left_out() -> None:
    assert LeftOut(0, 0, 0, 0, 0, 0, "", 0, 9).summary() == ""
    words = LeftOut(2, 0, 3, 0, 0, 1, "image 7 [1.0]", 0, 9).summary()
    assert words.startswith("2 boxes of negative size")
    assert "3 crowds" in words
    assert words.endswith("image 7 [1.0]")
