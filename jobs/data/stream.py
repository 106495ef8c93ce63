"""Image files that do not fit into memory: torchvision's transforms in worker processes, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from attnctl.datasets import Dataset
from attnctl.datasets.class_folders import PARTS
from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.files import ImageFiles, open_parts
from attnctl.jobs.data.images import Images, collate, transforms
from attnctl.jobs.data.loader import Stream
from attnctl.jobs.data.memory import EVALUATION_BATCH
from attnctl.jobs.data.mixing import Mixing
from attnctl.jobs.data.split import held_out
from attnctl.spec import RunSpec


def open_stream(
    spec: RunSpec, dataset: Dataset, folder: Path | None, device: torch.device, *, workers: int, stage: bool
) -> StreamedData:
    """The data of a run from image files; `stage`: from a copy on this node's own disk. Raises DataError."""
    parts = open_parts(dataset, folder, ("train",) if spec.recipe.val_split else PARTS, stage=stage)
    return StreamedData(spec, dataset, parts[0], parts[-1], device, workers)


class StreamedData:
    """`attnctl.jobs.data.TrainingData` over image files. One `train` iterator at a time is in use, one `evaluate`."""

    def __init__(
        self,
        spec: RunSpec,
        dataset: Dataset,
        train: ImageFiles,
        test: ImageFiles,
        device: torch.device,
        workers: int = 0,
    ) -> None:
        recipe = spec.recipe
        learned, judged = torch.arange(len(train.labels)), torch.arange(len(test.labels))
        if recipe.val_split:
            learned, judged = map(torch.from_numpy, held_out(train.labels, recipe.val_split, dataset.name))
        augmented, plain = transforms(recipe.augment, recipe.input_size or dataset.height)
        self._mixing = Mixing(recipe.mixup, recipe.cutmix, dataset.classes, spec.seed)
        self._normalize = Normalize(dataset.mean, dataset.std, device)
        self._device = device
        self._stream = Stream(
            spec,
            (Images(train, augmented, spec.seed), learned, collate),
            (Images(test, plain, spec.seed), judged, collate),
            device,
            evaluation_batch=max(recipe.norm_batch, EVALUATION_BATCH),
            workers=workers,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Global batches in an epoch."""
        return self._stream.steps_per_epoch

    @property
    def evaluation_size(self) -> int:
        """Samples that all ranks together evaluate."""
        return self._stream.evaluation_size

    @property
    def categories(self) -> tuple[int, ...]:
        """None: these are classes of images."""
        return ()

    def train(self, start: int, replicas: range, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of each step and replica; see `TrainingData`."""
        for step, replica, batch in self._stream.train(start, replicas, steps):
            yield self._mixing(*self._moved(*batch), step, replica)

    def evaluate(self, rank: int, world: int) -> Iterator[tuple[Tensor, Tensor]]:
        """This rank's share of the evaluated samples; see `TrainingData`."""
        for images, labels in self._stream.evaluate(rank, world):
            yield self._moved(images, labels)

    def close(self) -> None:
        """End the worker processes, and with them the iterators that are still in use."""
        self._stream.close()

    def _moved(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        images, labels = (part.to(self._device, non_blocking=True) for part in (images, labels))
        return self._normalize(images), labels
