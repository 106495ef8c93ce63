"""The images of a run, in batches that depend on (seed, step, replica, sample) alone.

Small sets (digits, CIFAR) live in the device's memory; ImageNet, VOC and COCO stream from files through worker
processes. Nothing here imports torch before `open_data` is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from attnctl.datasets import Dataset, describe
from attnctl.spec import RunSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from attnctl.jobs.data.memory import Splits
    from attnctl.jobs.data.packing import DetectionBatch
    from attnctl.settings.config import DataRoots

    Batch = tuple[Tensor, Tensor] | DetectionBatch


class TrainingData(Protocol):
    """An open data set, as one run trains on it and evaluates it."""

    @property
    def steps_per_epoch(self) -> int:
        """Global batches in an epoch; an incomplete last one is dropped."""

    @property
    def evaluation_size(self) -> int:
        """Samples that all ranks together evaluate: the test set's, or the held-out part's."""

    @property
    def categories(self) -> tuple[int, ...]:
        """Of detection: the data set's own id of each label, from label 1 on; else empty."""

    def train(self, start: int, replicas: range, steps: int) -> Iterator[Batch]:
        """For each step in start..steps-1, for each of `replicas`: (images, targets), on the device.

        images: (norm_batch, 3, H, W) float32, normalised and augmented; targets: (norm_batch,) int64, or
        (norm_batch, classes) float32 with mixup or CutMix; of segmentation (norm_batch, H, W) int64. Of detection a
        `attnctl.jobs.data.packing.DetectionBatch`. Raises DataError for an image that cannot be read.
        """

    def evaluate(self, rank: int, world: int) -> Iterator[Batch]:
        """This rank's own share as such batches: over all ranks no sample comes twice and none is left out."""

    def close(self) -> None:
        """End the worker processes and give back the memory."""


def open_data(spec: RunSpec, roots: DataRoots, device: torch.device, workers: int = 0) -> TrainingData:
    """The data of a run; workers: processes that read image files (0: this one reads them).

    Raises DataError when files are missing or damaged, or when the recipe does not fit the data.
    """
    dataset = describe(spec.dataset)
    folder = roots.folder(dataset.name)
    if dataset.layout == "imagefolder":
        from attnctl.jobs.data.stream import open_stream

        return open_stream(spec, dataset, folder, device, workers=workers, stage=roots.stage)
    if "classify" not in dataset.tasks:
        from attnctl.jobs.data.scene_data import open_scenes

        return open_scenes(spec, dataset, folder, device, workers=workers, stage=roots.stage)
    from attnctl.jobs.data.memory import InMemoryData

    return InMemoryData(spec, dataset, load_splits(dataset, roots), device)


def load_splits(dataset: Dataset, roots: DataRoots) -> Splits:
    """The two parts of a set that fits into memory.

    Raises DataError when files are missing or damaged, or hold more or fewer images than they should.
    """
    from attnctl.jobs.data import cifar, digits, loaded
    from attnctl.jobs.data.errors import check_files, check_sizes

    if dataset.layout == "embedded":
        return digits.load(dataset)
    if dataset.layout == "loaded":
        return loaded.load(dataset, roots.folder(dataset.name))
    folder = check_files(dataset, roots.folder(dataset.name))
    splits = cifar.load(dataset, folder)
    check_sizes(dataset, folder, train=len(splits.train.labels), test=len(splits.test.labels))
    return splits
