"""Classification data sets of image files: decoded and cropped by worker processes, in a fixed order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from attnctl.datasets import Dataset
from attnctl.datasets.class_folders import PARTS
from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.files import ImageFiles, explain_left_out, open_parts
from attnctl.jobs.data.images import Images, collate, transforms
from attnctl.jobs.data.jpeg import check_decoder
from attnctl.jobs.data.loader import Stream
from attnctl.jobs.data.memory import EVALUATION_BATCH
from attnctl.jobs.data.mixing import Mixing
from attnctl.jobs.data.own_files import open_own
from attnctl.jobs.data.policies import open_change
from attnctl.jobs.data.split import validation_split
from attnctl.spec import RunSpec

log = logging.getLogger(__name__)


def open_stream(
    spec: RunSpec,
    dataset: Dataset,
    folder: Path | None,
    device: torch.device,
    *,
    workers: int,
    stage: Path | bool,
    signature: str = "",
) -> StreamedData:
    """Open the image files of a run. stage: copy them to this node's local disk first. Raises DataError.

    signature: of a user's own folder when it was measured (`attnctl.datasets.own.check_unchanged`).
    """
    _check_reader(spec, dataset)
    if dataset.is_own:
        train, test = open_own(dataset, folder, signature=signature, stage=stage)
        return StreamedData(spec, dataset, train, train if spec.recipe.val_split else test, device, workers)
    parts = open_parts(dataset, folder, ("train",) if spec.recipe.val_split else PARTS, stage=stage)
    if left_out := explain_left_out(parts):
        log.warning("%s: %s", dataset.name, left_out)
    return StreamedData(spec, dataset, parts[0], parts[-1], device, workers)


def _check_reader(spec: RunSpec, dataset: Dataset) -> None:
    """Raise DataError if the images of the run were, or would be, read otherwise than its id says."""
    if spec.versions.dataset != dataset.run_version:
        raise DataError(
            f"this run was planned for version {spec.versions.dataset} of {dataset.name}, and this attnctl reads "
            f"version {dataset.run_version}, whose pixels differ: sweep again, which plans a new run"
        )
    check_decoder(dataset.name)


class StreamedData:
    """The `TrainingData` of image files. One `train` iterator may be in use at a time, beside one `evaluate`."""

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
        training, evaluated = torch.arange(len(train.labels)), torch.arange(len(test.labels))
        if recipe.val_split:
            training, evaluated = map(torch.from_numpy, validation_split(train.labels, recipe.val_split, dataset.name))
        side = recipe.input_size or dataset.height
        change = open_change(recipe, spec.versions.recipe, side, dataset.mean)
        augmented, plain = transforms(recipe.augment, side, recipe.eval_resize, change)
        self._mixing = Mixing(recipe.mixup, recipe.cutmix, dataset.classes, spec.seed)
        self._normalize = Normalize(dataset.mean, dataset.std, device)
        self._device = device
        self._stream = Stream(
            spec,
            (Images(train, augmented, spec.seed), training, collate),
            (Images(test, plain, spec.seed), evaluated, collate),
            device,
            evaluation_batch=max(recipe.norm_batch, EVALUATION_BATCH),
            workers=workers,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Global batches per epoch."""
        return self._stream.steps_per_epoch

    @property
    def evaluation_size(self) -> int:
        """The number of samples that all ranks together evaluate."""
        return self._stream.evaluation_size

    @property
    def categories(self) -> tuple[int, ...]:
        """Empty: these samples have one class per image."""
        return ()

    def train(self, start: int, replicas: range, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of each step and replica; see `TrainingData`."""
        for step, replica, batch in self._stream.train(start, replicas, steps):
            yield self._mixing(*self._to_device(*batch), step, replica)

    def evaluate(self, rank: int, world: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this rank's share of the evaluation samples; see `TrainingData`."""
        for images, labels in self._stream.evaluate(rank, world):
            yield self._to_device(images, labels)

    def close(self) -> None:
        """Stop the worker processes; iterators that are still in use end."""
        self._stream.close()

    def _to_device(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        images, labels = (part.to(self._device, non_blocking=True) for part in (images, labels))
        return self._normalize(images), labels
