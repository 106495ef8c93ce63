"""Pictures of what was found: read back from their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from attnctl.jobs.inspect.pictures import Picture, Truth
from attnctl.jobs.inspect.predict import Detected, Mapped
from attnctl.jobs.inspect.predict_pictures import beside_truth, class_image, color, draw

NAMES = ("background", "cat", "dog")


def grey(height: int, width: int) -> Picture:
    return Picture("grey", torch.full((3, height, width), 90, dtype=torch.uint8))


def boxes(*rows: Sequence[float], masks: npt.NDArray[np.bool_] | None = None) -> Detected:
    return Detected(
        np.array(rows, np.float32).reshape(-1, 4),
        np.arange(1, len(rows) + 1),
        np.linspace(0.9, 0.5, len(rows), dtype=np.float32),
        masks,
    )


def has(image: Image.Image | npt.NDArray[Any], own: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Where an image has a colour."""
    same: npt.NDArray[np.bool_] = (np.asarray(image) == np.array(own)).all(-1)
    return same


def test_a_box_is_drawn_with_its_name_above_it() -> None:
    image = draw(grey(600, 800), boxes([200, 100, 600, 500]), NAMES)
    assert image.size == (800, 600)
    rows, columns = np.nonzero(has(image, color(1)))
    assert (columns.min(), columns.max(), rows.max()) == pytest.approx((200, 600, 500), abs=4)
    assert 70 < rows.min() < 100
    assert not has(image, color(1))[150:450, 250:550].any()
    assert has(image, (90, 90, 90))[150:450, 250:550].all()


def test_a_small_image_is_enlarged_by_an_integer_factor() -> None:
    image = draw(grey(100, 120), boxes([60, 50, 100, 90]), NAMES)
    assert image.size == (480, 400)
    rows, columns = np.nonzero(has(image, color(1)))
    assert (columns.max(), rows.max()) == pytest.approx((400, 360), abs=3)


@pytest.mark.parametrize(
    "box",
    [[-50, -50, 40, 40], [560, 470, 700, 520], [0, 0, 640, 480], [30, 40, 30, 40], [630, 3, 640, 9]],
    ids=["above", "below", "all of it", "no size", "corner"],
)
def test_boxes_at_the_edges_keep_their_names_inside(box: list[int]) -> None:
    image = draw(grey(480, 640), boxes(box), NAMES)
    rows, columns = np.nonzero(has(image, color(1)))
    assert len(rows) > 200  # a name's background at least
    label = max(np.ptp(rows), np.ptp(columns))
    assert label > 25


def test_an_image_without_detections_is_unchanged() -> None:
    image = np.asarray(draw(grey(300, 400), boxes(), NAMES))
    assert image.shape == (300, 400, 3)
    assert (image == 90).all()


def test_each_mask_has_its_own_colour() -> None:
    masks = np.zeros((2, 512, 512), bool)
    masks[0, 100:200, 100:200] = masks[1, 300:400, 300:400] = True
    image = np.asarray(draw(grey(512, 512), boxes([90, 90, 210, 210], [290, 290, 410, 410], masks=masks), NAMES))
    for k, place in ((0, 150), (1, 350)):
        blended = (90 + np.array(color(k))) / 2
        assert image[place, place] == pytest.approx(blended, abs=1.5)
    assert (image[250, 250] == 90).all()


def test_a_class_map_is_drawn_over_the_image_with_a_legend_below() -> None:
    classes = np.zeros((512, 512), np.uint8)
    classes[:, 256:] = 2
    whole = draw(grey(512, 512), Mapped(classes), NAMES)
    image = np.asarray(whole)
    assert whole.width == 512
    assert 512 < whole.height < 560
    assert (image[:512, :250] == 90).all()
    assert image[10, 400] == pytest.approx((90 + np.array(color(2))) / 2, abs=1.5)
    assert has(image[512:], color(2)).sum() > 50
    background = draw(grey(512, 512), Mapped(np.zeros((512, 512), np.uint8)), NAMES)
    assert background.size == (512, 512)


def test_many_classes_wrap_the_legend() -> None:
    classes = np.arange(40, dtype=np.uint8).reshape(5, 8).repeat(80, 0).repeat(80, 1)
    whole = draw(grey(400, 640), Mapped(classes), [f"a class called {k}" for k in range(40)])
    assert whole.height > 600
    for number in (1, 20, 39):
        assert has(np.asarray(whole)[400:], color(number)).sum() > 50


def test_the_class_image_contains_the_class_numbers() -> None:
    classes = np.array([[0, 1], [2, 254]], np.uint8)
    image = class_image(Mapped(classes))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), classes)
    assert image.convert("RGB").getpixel((0, 0)) == (0, 0, 0)
    assert image.convert("RGB").getpixel((1, 0)) == color(1)


def test_neighbouring_numbers_have_distinct_colours() -> None:
    for k in range(80):
        assert np.abs(np.subtract(color(k), color(k + 1))).sum() > 150
    assert len({color(k) for k in range(80)}) == 80


def annotated(**truth: Any) -> Picture:
    given = {"boxes": np.zeros((0, 4), np.float32), "labels": np.zeros(0, np.int64), **truth}
    return Picture("grey", torch.full((3, 600, 800), 90, dtype=torch.uint8), truth=Truth(**given))


def test_annotations_stand_at_the_left_of_a_prediction() -> None:
    picture = annotated(boxes=np.array([[200, 100, 600, 500]], np.float32), labels=np.array([2]))
    image = beside_truth(picture, boxes([100, 200, 300, 400]), NAMES)
    left, right = np.asarray(image)[:, :800], np.asarray(image)[:, -800:]
    above = image.height - 600
    assert image.width >= 1600
    assert 0 < above < 60
    rows, columns = np.nonzero(has(left, color(2)))
    assert (columns.min(), columns.max(), rows.max() - above) == pytest.approx((200, 600, 500), abs=4)
    rows, columns = np.nonzero(has(right, color(1)))
    assert (columns.min(), columns.max(), rows.max() - above) == pytest.approx((100, 300, 400), abs=4)
    assert not has(left, color(1)).any()


def test_annotations_of_pixels_have_the_colours_of_their_classes() -> None:
    classes = np.zeros((600, 800), np.uint8)
    classes[:300] = 2
    image = np.asarray(beside_truth(annotated(classes=classes), Mapped(np.zeros((600, 800), np.uint8)), NAMES))
    above = 40
    assert not (image[above + 100 : above + 200, 100:700] == 90).all(-1).any()
    assert (image[above + 100 : above + 200, -700:-100] == 90).all()


def test_an_image_without_annotations_shows_the_prediction_alone() -> None:
    found = boxes([200, 100, 600, 500])
    assert beside_truth(grey(600, 800), found, NAMES) == draw(grey(600, 800), found, NAMES)
