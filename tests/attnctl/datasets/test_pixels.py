"""The pixels of images: too many are not read, and 16 bits of grey become 8."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from attnctl.datasets import pixels


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_keep_their_upper_eight(form: str) -> None:
    stream = io.BytesIO()
    values = np.array([[0, 255, 256, 0x80FF, 0xFFFF]], np.uint16)
    Image.fromarray(values).save(stream, form)
    with Image.open(stream) as image:
        assert pixels.is_deep(image)
        found = pixels.scaled(image)
    assert (found.mode, np.asarray(found).tolist()) == ("L", [[0, 0, 1, 0x80, 0xFF]])


@pytest.mark.parametrize("mode", ["L", "RGB", "F", "I"])
def test_other_images_are_not_deep(mode: str) -> None:
    assert not pixels.is_deep(Image.new(mode, (2, 2)))


def test_an_image_of_too_many_pixels_is_known_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "MOST_PIXELS", 6)
    assert not pixels.is_too_large(Image.new("L", (3, 2)))
    assert pixels.is_too_large(Image.new("L", (7, 1)))
