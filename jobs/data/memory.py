"""Data sets that fit into memory: kept as bytes on the device, and augmented and normalised there in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from attnctl.datasets import Dataset
from attnctl.jobs.data.augment import Augmentation, Normalize, PaddedImages
from attnctl.jobs.data.loader import SampleRequest, sample_rng
from attnctl.jobs.data.mixing import Mixing
from attnctl.jobs.data.order import Order, share
from attnctl.jobs.data.policies import open_change
from attnctl.jobs.data.split import validation_split
from attnctl.recipe_parts import is_policy
from attnctl.spec import RunSpec

EVALUATION_BATCH = 128
"""Minimum samples per evaluation forward; without gradients, a larger norm_batch fits too."""

_RESIZE_CHUNK = 512


class Split(NamedTuple):
    """images: (n, C, H, W) uint8; labels: (n,) int64; both on the CPU."""

    images: Tensor
    labels: Tensor

    def part(self, index: Tensor) -> Split:
        """The samples with these indices."""
        return Split(self.images[index], self.labels[index])


class Splits(NamedTuple):
    """The published training and test parts of a data set."""

    train: Split
    test: Split


class InMemoryData:
    """The `TrainingData` of a data set in memory. Raises DataError if the recipe does not fit the data set."""

    def __init__(self, spec: RunSpec, dataset: Dataset, splits: Splits, device: torch.device) -> None:
        recipe = spec.recipe
        train, test = splits
        if recipe.val_split:
            rest, taken = validation_split(train.labels.numpy(), recipe.val_split, dataset.name)
            train, test = train.part(torch.from_numpy(rest)), train.part(torch.from_numpy(taken))
        self._order = Order(spec, len(train.labels))
        side = recipe.input_size
        train, test = (Split(resize(part.images, side), part.labels) for part in (train, test))
        size = train.images.shape[-2:]
        self._change = open_change(recipe, spec.versions.recipe, size[0], dataset.mean)
        around = "crop-flip" if is_policy(recipe.augment) else "none"
        self._augmentation = Augmentation(around if self._change else recipe.augment, *size)
        self._mixing = Mixing(recipe.mixup, recipe.cutmix, dataset.classes, spec.seed)
        self._normalize = Normalize(dataset.mean, dataset.std, device)
        self._device = device
        self._images = PaddedImages(train.images, self._augmentation, device)
        self._labels = train.labels
        self._test = Split(test.images.to(device), test.labels.to(device))
        self._evaluation_batch = max(recipe.norm_batch, EVALUATION_BATCH)

    @property
    def steps_per_epoch(self) -> int:
        """Global batches per epoch."""
        return self._order.steps_per_epoch

    @property
    def evaluation_size(self) -> int:
        """The number of samples that all ranks together evaluate."""
        return len(self._test.labels)

    @property
    def categories(self) -> tuple[int, ...]:
        """Empty: these samples have one class per image."""
        return ()

    def train(self, start: int, replicas: range, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of each step and replica; see `TrainingData`."""
        order = self._order
        for step, replica, index in order.batches(start, replicas, steps):
            top, left, flip = self._augmentation.draw(order.seed, step, replica, len(index))
            # One small copy to the device per batch, whatever the data set and augmentation.
            chosen = torch.stack((self._images.starts(index, top, left), flip, self._labels[index]))
            starts, flip, labels = chosen.to(self._device, non_blocking=True)
            images = self._changed(self._images.crop(starts, flip), step, replica)
            yield self._mixing(self._normalize(images), labels, step, replica)

    def _changed(self, images: Tensor, step: int, replica: int) -> Tensor:
        """A batch (B, C, H, W) uint8 after the augmentation of single images, if the recipe has one."""
        if self._change is None:
            return images
        changed = []
        for position, image in enumerate(images.cpu()):
            with sample_rng(self._order.seed, SampleRequest(position, (step, replica, position))):
                changed.append(self._change(image))
        return torch.stack(changed).to(self._device)

    def evaluate(self, rank: int, world: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this rank's share of the evaluation samples; see `TrainingData`."""
        mine = share(self.evaluation_size, rank, world)
        for begin in range(0, len(mine), self._evaluation_batch):
            part = mine[begin : begin + self._evaluation_batch]
            window = slice(part.start, part.stop, part.step)
            yield self._normalize(self._test.images[window]), self._test.labels[window]

    def close(self) -> None:
        """Do nothing: the memory is freed with the object."""


def resize(images: Tensor, side: int) -> Tensor:
    """(n, C, H, W) uint8 -> (n, C, side, side) uint8, bilinear with antialiasing; side 0: unchanged."""
    if side == 0 or images.shape[-2:] == (side, side):
        return images
    output = torch.empty((*images.shape[:2], side, side), dtype=torch.uint8)
    for begin in range(0, len(images), _RESIZE_CHUNK):
        chunk = images[begin : begin + _RESIZE_CHUNK].float()
        scaled = functional.interpolate(chunk, (side, side), mode="bilinear", antialias=True)
        output[begin : begin + _RESIZE_CHUNK] = scaled.round_().clamp_(0, 255).byte()
    return output
