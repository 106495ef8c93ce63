from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.jobs.data import boxed
from attnctl.jobs.data.mapped import ScaleCrop
from attnctl.jobs.data.mosaic import Mosaic, affine, recoloured, warped
from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import Objects, nothing

COLOURS = ((250, 20, 20), (20, 250, 20), (20, 20, 250), (250, 250, 20))


def objects(boxes, labels):
    none = np.zeros(len(boxes), np.bool_)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return Objects(boxes, np.array(labels, np.int64), area, none, none, ~none)


def picture(width=160, height=120, boxes=((20, 30, 60, 90), (90, 10, 140, 50)), first=0):
    """A black image with a plain rectangle for each box, in the colour of its label."""
    pixels = np.zeros((height, width, 3), np.uint8)
    masks = np.zeros((len(boxes), height, width), np.uint8)
    labels = [1 + (first + number) % len(COLOURS) for number in range(len(boxes))]
    for mask, (x1, y1, x2, y2), label in zip(masks, boxes, labels, strict=True):
        pixels[y1:y2, x1:x2] = COLOURS[label - 1]
        mask[y1:y2, x1:x2] = 1
    return Picture(Image.fromarray(pixels), 1, objects(boxes, labels), masks)


def extent(image, label):
    """The box around the pixels of a label's colour."""
    far = np.abs(np.asarray(image).astype(int) - COLOURS[label - 1]).max(-1) > 100
    rows, columns = np.nonzero(~far)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_mirrored_picture_has_its_boxes_masks_and_classes_mirrored():
    given = picture()._replace(classes=np.arange(120 * 160, dtype=np.uint8).reshape(120, 160))
    torch.manual_seed(0)
    changed = [boxed.flip()(given) for _ in range(8)]
    mirrored = [item for item in changed if not np.array_equal(item.objects.boxes, given.objects.boxes)]
    assert 0 < len(mirrored) < 8
    for item in mirrored:
        assert item.objects.boxes.tolist() == [[100, 30, 140, 90], [20, 10, 70, 50]]
        assert np.array_equal(np.asarray(item.image), np.asarray(given.image)[:, ::-1])
        assert np.array_equal(item.masks, given.masks[:, :, ::-1])
        assert np.array_equal(item.classes, given.classes[:, ::-1])
        assert item.objects.area.tolist() == given.objects.area.tolist()


@pytest.mark.parametrize(
    ("augment", "most", "often"), [(boxed.flip_shift, 0.04, range(9, 25)), (boxed.shift, 0.125, range(36, 41))]
)
def test_boxes_and_pixels_are_shifted_alike(augment, most, often):
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


def test_an_object_that_a_shift_moves_out_is_no_object_any_more():
    given = picture(boxes=((0, 0, 2, 2), (40, 40, 90, 90)))._replace(masks=None)
    counts = set()
    for seed in range(40):
        torch.manual_seed(seed)
        changed = boxed.flip_shift()(given)
        counts.add(len(changed.objects.boxes))
        assert len(changed.objects.boxes) == len(changed.objects.labels) == len(changed.objects.area)
    assert counts == {1, 2}


@pytest.mark.parametrize("seed", range(12))
def test_boxes_follow_what_ssd_does_to_the_image(seed):
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


def test_an_image_without_objects_goes_through_every_augmentation():
    empty = picture(boxes=())._replace(masks=None)
    torch.manual_seed(0)
    mosaic = Mosaic(lambda _: empty, torch.tensor([0]), 64)
    for augment in (boxed.flip(), boxed.flip_shift(), boxed.ssd(), mosaic, mosaic.plain):
        changed = augment(empty)
        assert changed.objects.boxes.shape == (0, 4)
        assert changed.objects.labels.dtype == np.int64


def test_boxes_follow_what_a_mosaic_does_to_four_images(monkeypatch):
    monkeypatch.setattr("attnctl.jobs.data.mosaic.recoloured", lambda image: image)
    others = {n: picture(100 + 30 * n, 150 - 20 * n, ((20, 20, 70, 60),), first=n) for n in range(4)}
    mosaic = Mosaic(others.__getitem__, torch.tensor([1, 2, 3]), 128)
    whole = 0
    for seed in range(30):
        torch.manual_seed(seed)
        changed = mosaic(others[0])
        assert changed.size == (128, 128)
        assert changed.number == 1
        boxes, labels = changed.objects.boxes, changed.objects.labels
        assert (boxes >= 0).all()
        assert (boxes <= 128).all()
        for box, label in zip(boxes, labels, strict=True):
            # At the border the frame around a turned rectangle is larger than what is seen of it.
            if (labels == label).sum() == 1 and box.min() > 0 and box.max() < 128:
                assert np.abs(box - extent(changed.image, label)).max() < 2.5
                whole += 1
    assert whole > 5


def test_an_affine_transform_moves_boxes_as_their_corners():
    torch.manual_seed(3)
    matrix = affine(100)
    boxes = np.array([[10, 20, 30, 60], [0, 0, 5, 5]], np.float32)
    for box, (x1, y1, x2, y2) in zip(warped(boxes, matrix), boxes, strict=True):
        corners = np.array([(x, y, 1) for x in (x1, x2) for y in (y1, y2)]) @ matrix[:2].T
        assert np.allclose(box, [*corners.min(0), *corners.max(0)], atol=1e-4)
    assert 0.5 <= np.sqrt(np.linalg.det(matrix[:2, :2])) <= 1.51
    assert warped(np.zeros((0, 4), np.float32), matrix).shape == (0, 4)


def test_colours_change_by_no_more_than_is_said():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
    before = np.asarray(image.convert("HSV")).astype(int)
    kept = 0
    for seed in range(20):
        torch.manual_seed(seed)
        changed = recoloured(image)
        kept += changed is image
        after = np.asarray(changed.convert("HSV")).astype(int)
        assert np.abs(after - before)[..., 2].max() <= 30
    assert 0 < kept < 8


@pytest.mark.parametrize(("width", "height"), [(160, 120), (40, 50), (300, 30)])
def test_a_crop_has_its_size_and_its_classes_where_the_image_is(width, height):
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 3, (height // 10, width // 10), dtype=np.uint8)
    classes = np.kron(blocks, np.ones((10, 10), np.uint8))
    image = Image.fromarray(np.array([(250, 0, 0), (0, 250, 0), (0, 0, 250)], np.uint8)[classes])
    crop = ScaleCrop(96, (0.5, 0.5, 0.5))
    for seed in range(8):
        torch.manual_seed(seed)
        changed = crop(Picture(image, 5, nothing(), None, classes))
        assert changed.size == changed.classes.shape == (96, 96)
        ignored = changed.classes == 255
        pixels = np.asarray(changed.image)
        assert (pixels[ignored] == 128).all()
        right = pixels[~ignored].argmax(-1) == changed.classes[~ignored]
        assert right.mean() > 0.9  # a pixel at a block's edge may be of either
        assert width * height < 96 * 96 or not ignored.all()


def test_cutting_before_scaling_gives_what_scaling_the_whole_does():
    rng = np.random.default_rng(2)
    image = Image.fromarray(rng.integers(0, 256, (90, 130, 3), dtype=np.uint8))
    whole = np.asarray(image.resize((203, 141), Image.Resampling.BILINEAR)).astype(int)
    box = tuple(np.array([50, 30, 114, 94]) * np.array([130 / 203, 90 / 141] * 2))
    part = np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR, box=box)).astype(int)
    assert np.abs(part - whole[30:94, 50:114]).max() <= 1
