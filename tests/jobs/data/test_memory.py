"""Data sets in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from attnctl.datasets import describe
from attnctl.jobs.data import open_data
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.memory import InMemoryData, Split, Splits, resize
from attnctl.settings.config import DataRoots
from tests.jobs.data.conftest import MakeSpec

CPU = torch.device("cpu")


@pytest.fixture
def opened(make_spec: MakeSpec, scans: Splits) -> Callable[..., InMemoryData]:
    return lambda **recipe: InMemoryData(make_spec(**recipe), describe("digits"), scans, CPU)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["none", "shift", "crop-flip"]),
    st.sampled_from([(0.0, 0.0), (0.3, 1.0)]),
    st.integers(0, 12),
    st.sampled_from([1, 2, 4]),
)
def test_batches_do_not_depend_on_the_start_or_the_number_of_processes(
    make_spec: MakeSpec, augment: str, mix: tuple[float, float], start: int, world: int
) -> None:
    splits = small_splits(48)
    recipe = {"augment": augment, "mixup": mix[0], "cutmix": mix[1]}
    data = InMemoryData(make_spec(**recipe), describe("digits"), splits, CPU)
    whole = list(data.train(0, range(4), 12))
    per = 4 // world
    parts = [iter(list(data.train(start, range(r * per, (r + 1) * per), 12))) for r in range(world)]
    joined = [batch for _ in range(start, 12) for part in parts for batch in itertools.islice(part, per)]
    assert len(joined) == (12 - start) * 4
    for (images, targets), (other_images, other_targets) in zip(joined, whole[start * 4 :], strict=True):
        assert torch.equal(images, other_images)
        assert torch.equal(targets, other_targets)


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_evaluation_shares_are_disjoint_and_complete_for_any_number_of_processes(
    make_spec: MakeSpec, world: int
) -> None:
    splits, dataset = small_splits(32, test=301), describe("digits")
    numbered = Splits(splits.train, Split(splits.test.images, torch.arange(301)))
    data = InMemoryData(make_spec(), dataset, numbered, CPU)
    batches = [batch for rank in range(world) for batch in data.evaluate(rank, world)]
    assert sorted(number for _, numbers in batches for number in numbers.tolist()) == list(range(301))
    assert data.evaluation_size == 301
    for images, numbers in batches:
        expected = (splits.test.images[numbers].float() / 255 - dataset.mean[0]) / dataset.std[0]
        torch.testing.assert_close(images, expected, rtol=0, atol=1e-5)


def test_evaluation_images_are_the_test_set_normalised(opened: Callable[..., InMemoryData], scans: Splits) -> None:
    dataset = describe("digits")
    images = torch.cat([images for images, _ in opened(augment="crop-flip").evaluate(0, 1)])
    expected = (scans.test.images.float() / 255 - dataset.mean[0]) / dataset.std[0]
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-5)


def test_training_without_augmentation_yields_the_original_images(
    opened: Callable[..., InMemoryData], scans: Splits
) -> None:
    data = opened(augment="none")
    bytes_of = {image.numpy().tobytes() for image in scans.train.images}
    images, _ = next(data.train(0, range(1), 1))
    dataset = describe("digits")
    back = ((images * dataset.std[0] + dataset.mean[0]) * 255).round().byte()
    assert all(image.numpy().tobytes() in bytes_of for image in back)


def test_a_validation_split_is_the_same_for_all_seeds_and_not_trained_on(
    opened: Callable[..., InMemoryData], scans: Splits
) -> None:
    first, second = opened(val_split=0.1), opened(val_split=0.1, seed=7)
    assert first.evaluation_size == 144
    assert first.steps_per_epoch == (1437 - 144) // 16
    held = [torch.cat([images for images, _ in data.evaluate(0, 1)]) for data in (first, second)]
    assert torch.equal(*held)
    trained = torch.cat([images for images, _ in first.train(0, range(4), first.steps_per_epoch)])
    distinct = {image.numpy().tobytes() for image in scans.train.images}
    assert len(distinct) == 1437  # so that equal pixels would be the same scan
    assert not {image.numpy().tobytes() for image in trained} & {image.numpy().tobytes() for image in held[0]}


def test_input_size_resizes_training_and_evaluation_images(opened: Callable[..., InMemoryData]) -> None:
    data = opened(input_size=16, augment="shift")
    assert next(data.train(0, range(1), 1))[0].shape == (4, 3, 16, 16)
    assert next(data.evaluate(0, 1))[0].shape[1:] == (3, 16, 16)


@pytest.mark.parametrize("side", [16, 40])
def test_resizing_is_bilinear_with_antialiasing(scans: Splits, side: int) -> None:
    images = scans.test.images[:5]
    expected = functional.interpolate(images.float(), (side, side), mode="bilinear", antialias=True)
    assert (resize(images, side).float() - expected).abs().max() <= 0.5
    assert resize(images, 32) is images
    assert resize(images, 0) is images


def test_a_recipe_for_image_files_is_an_error(make_spec: MakeSpec) -> None:
    with pytest.raises(DataError, match="augment=imagenet needs"):
        open_data(make_spec(augment="imagenet"), DataRoots(), CPU)


def small_splits(train: int, test: int = 10) -> Splits:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (train + test, 3, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.arange(train + test) % 10
    return Splits(Split(images[:train], labels[:train]), Split(images[train:], labels[train:]))
