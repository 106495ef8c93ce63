from __future__ import annotations

import pytest
import torch

from attnctl.jobs.data import jpeg
from attnctl.jobs.data.errors import DataError
from tests.jobs.data import published


def test_an_ordinary_file_becomes_pixels_and_a_damaged_one_nothing() -> None:
    content = published.jpeg(0)
    pixels = jpeg.decode(content)
    assert pixels is not None
    assert (pixels.shape, pixels.dtype) == ((3, 48, 60), torch.uint8)
    assert jpeg.decode(content[:-30]) is None
    assert jpeg.decode(b"") is None


def test_a_torchvision_without_the_decoder_is_refused_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg.check_decoder("imagenet")

    def missing(*_: object) -> torch.Tensor:
        raise RuntimeError("decode_jpeg: torchvision not compiled with libjpeg support")

    monkeypatch.setattr(jpeg, "_decode", missing)
    jpeg._fault.cache_clear()
    words = r"imagenet is read with torchvision.io.decode_jpeg, which does not work in torchvision \S+ here "
    words += r"\(decode_jpeg: .* libjpeg support\); install a torchvision that has it: pip install torchvision$"
    with pytest.raises(DataError, match=words):
        jpeg.check_decoder("imagenet")
    monkeypatch.undo()
    jpeg._fault.cache_clear()
