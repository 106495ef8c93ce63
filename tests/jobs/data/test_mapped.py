"""Augmentations of images with class maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.jobs.data.mapped import ScaleCrop
from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import no_objects


@pytest.mark.parametrize(("width", "height"), [(160, 120), (40, 50), (300, 30)])
def test_a_crop_keeps_classes_aligned_with_the_image(width: int, height: int) -> None:
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 3, (height // 10, width // 10), dtype=np.uint8)
    classes = np.kron(blocks, np.ones((10, 10), np.uint8))
    image = Image.fromarray(np.array([(250, 0, 0), (0, 250, 0), (0, 0, 250)], np.uint8)[classes])
    crop = ScaleCrop(96, (0.5, 0.5, 0.5))
    for seed in range(8):
        torch.manual_seed(seed)
        changed = crop(Picture(image, 5, no_objects(), None, classes))
        assert changed.classes is not None
        assert changed.size == changed.classes.shape == (96, 96)
        ignored = np.asarray(changed.classes == 255)
        pixels = np.asarray(changed.image)
        assert (pixels[ignored] == 128).all()
        right = pixels[~ignored].argmax(-1) == changed.classes[~ignored]
        assert right.mean() > 0.9  # a pixel at a block's edge may be of either
        assert width * height < 96 * 96 or not ignored.all()


def test_cropping_before_scaling_equals_scaling_the_whole_image() -> None:
    rng = np.random.default_rng(2)
    image = Image.fromarray(rng.integers(0, 256, (90, 130, 3), dtype=np.uint8))
    whole = np.asarray(image.resize((203, 141), Image.Resampling.BILINEAR)).astype(int)
    box = tuple(np.array([50, 30, 114, 94]) * np.array([130 / 203, 90 / 141] * 2))
    part = np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR, box=box)).astype(int)
    assert np.abs(part - whole[30:94, 50:114]).max() <= 1
