"""Mosaics of four images, affine transforms and colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.jobs.data.mosaic import Mosaic, affine, jitter_hsv, warp_boxes
from tests.jobs.data.drawn_scenes import extent, picture


def test_boxes_follow_the_four_images_of_a_mosaic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnctl.jobs.data.mosaic.jitter_hsv", lambda image: image)
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


def test_an_affine_transform_moves_boxes_with_their_corners() -> None:
    torch.manual_seed(3)
    matrix = affine(100)
    boxes = np.array([[10, 20, 30, 60], [0, 0, 5, 5]], np.float32)
    for box, (x1, y1, x2, y2) in zip(warp_boxes(boxes, matrix), boxes, strict=True):
        corners = np.array([(x, y, 1) for x in (x1, x2) for y in (y1, y2)]) @ matrix[:2].T
        assert np.allclose(box, [*corners.min(0), *corners.max(0)], atol=1e-4)
    assert 0.5 <= np.sqrt(np.linalg.det(matrix[:2, :2])) <= 1.51
    assert warp_boxes(np.zeros((0, 4), np.float32), matrix).shape == (0, 4)


def test_colours_change_within_the_documented_range() -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
    before = np.asarray(image.convert("HSV")).astype(int)
    kept = 0
    for seed in range(20):
        torch.manual_seed(seed)
        changed = jitter_hsv(image)
        kept += changed is image
        after = np.asarray(changed.convert("HSV")).astype(int)
        assert np.abs(after - before)[..., 2].max() <= 30
    assert 0 < kept < 8
