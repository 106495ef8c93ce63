from __future__ import annotations

import hashlib

import pytest
import torch
from torch.nn import functional

from attnctl.jobs.data.crops import CentreCrop, RandomCrop

NOISE = torch.randint(0, 256, (3, 211, 307), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width"), [(211, 307), (211, 150), (40, 60), (150, 150), (33, 30)])
def test_the_crop_of_a_part_equals_that_of_the_whole_scaled_image(mode: str, height: int, width: int) -> None:
    image = NOISE[:, :height, :width]
    shorter = min(height, width)
    size = [int(64 * length / shorter) for length in (height, width)]
    whole = functional.interpolate(image[None], size, mode=mode, antialias=True)[0]
    top, left = (round((length - 56) / 2) for length in size)
    ours = CentreCrop(56, mode)(image)
    assert ours.shape == (3, 56, 56)
    assert (ours.int() - whole[:, top : top + 56, left : left + 56].int()).abs().max() <= 1


@pytest.mark.parametrize("shape", [(3, 2, 4_000_000), (3, 500_000, 1)])
def test_a_long_image_takes_no_more_memory_than_its_crop(shape: tuple[int, int, int]) -> None:
    """Scaled as a whole, the first would have 98 billion pixels."""
    image = torch.full(shape, 7, dtype=torch.uint8)
    assert torch.equal(CentreCrop(224, "bilinear")(image), torch.full((3, 224, 224), 7, dtype=torch.uint8))
    assert RandomCrop(32)(image).shape == (3, 32, 32)


def test_a_long_image_is_cropped_as_others_are() -> None:
    image = NOISE[:, :40, :].contiguous()
    whole = functional.interpolate(image[None], (64, int(64 * 307 / 40)), mode="bilinear", antialias=True)[0]
    left = round((whole.shape[2] - 56) / 2)
    assert (CentreCrop(56, "bilinear")(image).int() - whole[:, 4:60, left : left + 56].int()).abs().max() <= 1


def test_each_processor_and_release_gives_these_bits() -> None:
    """Measured with torch 2.15 on AVX-512, on AVX2, and without either."""
    torch.manual_seed(5)
    crops = CentreCrop(96, "bilinear")(NOISE), CentreCrop(96, "bicubic")(NOISE), RandomCrop(96)(NOISE)
    digests = [hashlib.sha256(crop.contiguous().numpy().tobytes()).hexdigest()[:8] for crop in crops]
    assert digests == ["98e3624a", "69450dbf", "913cac13"]
