from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnctl.jobs.data.augment import Augmentation, Normalize, PaddedImages
from attnctl.jobs.data.errors import DataError

CPU = torch.device("cpu")
IMAGES = torch.randint(0, 256, (9, 3, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def crop_slowly(image: torch.Tensor, padding: int, top: float, left: float, flip: float) -> torch.Tensor:
    """torchvision's RandomCrop and horizontal flip in plain words: pad with black, cut, mirror."""
    _, height, width = image.shape
    canvas = torch.zeros(3, height + 2 * padding, width + 2 * padding, dtype=torch.uint8)
    canvas[:, padding : padding + height, padding : padding + width] = image
    cut = canvas[:, top : top + height, left : left + width]
    return torch.stack([cut[..., width - 1 - x] for x in range(width)], dim=-1) if flip else cut


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["none", "shift", "crop-flip"]), st.integers(0, 2**40), st.integers(0, 999), st.integers(1, 9))
def test_batched_crops_equal_a_slow_crop_of_each_sample(name: str, seed: int, step: int, count: int) -> None:
    augmentation = Augmentation(name, 32, 48)
    top, left, flip = augmentation.draw(seed, step, 1, count)
    index = torch.arange(count).flip(0)
    padded = PaddedImages(IMAGES, augmentation, CPU)
    crops = padded.crop(padded.starts(index, top, left), flip)
    for position, crop in enumerate(crops):
        where = top[position].item(), left[position].item(), flip[position].item()
        assert torch.equal(crop, crop_slowly(IMAGES[index[position]], augmentation.padding, *where))


@pytest.mark.parametrize(("name", "offsets", "flips"), [("none", 1, {0}), ("shift", 5, {0}), ("crop-flip", 9, {0, 1})])
def test_draws_are_uniform_over_their_range(name: str, offsets: int, flips: set[int]) -> None:
    top, left, flip = Augmentation(name, 32, 32).draw(0, 0, 0, 9000)
    assert set(flip.tolist()) == flips
    for drawn in (top, left):
        counts = torch.bincount(drawn)
        assert len(counts) == offsets
        assert (counts / 9000 - 1 / offsets).abs().max() < 0.02
    assert flip.float().mean() == pytest.approx(0.5 * (len(flips) - 1), abs=0.02)


def test_draws_depend_only_on_seed_step_and_replica() -> None:
    augmentation = Augmentation("crop-flip", 32, 32)
    drawn = {
        key: torch.stack(augmentation.draw(*key, 64)).tolist() for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    }
    torch.manual_seed(123)
    assert torch.stack(augmentation.draw(0, 0, 0, 64)).tolist() == drawn[0, 0, 0]
    assert len({str(value) for value in drawn.values()}) == 4


def test_padding_scales_with_the_image() -> None:
    assert [Augmentation("crop-flip", side, side).padding for side in (32, 64, 224)] == [4, 8, 28]


def test_normalisation_subtracts_the_mean_and_divides_by_the_deviation() -> None:
    mean, std = (0.5, 0.25, 0.1), (0.2, 0.3, 0.4)
    expected = (IMAGES.double() / 255 - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
    normalised = Normalize(mean, std, CPU)(IMAGES)
    assert normalised.dtype == torch.float32
    torch.testing.assert_close(normalised.double(), expected, rtol=0, atol=1e-5)


def test_an_augmentation_for_image_files_does_not_fit_a_data_set_in_memory() -> None:
    with pytest.raises(DataError, match="imagenet needs a data set of image files; this one allows none, shift"):
        Augmentation("imagenet", 32, 32)
