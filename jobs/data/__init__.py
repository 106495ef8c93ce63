"""The images of a run, in batches that depend only on (seed, step, replica, sample).

Small data sets (digits, CIFAR) are held in the device's memory; ImageNet, VOC and COCO are streamed from files by
worker processes. Nothing here imports torch before `open_data` is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, TypeAlias

from attnctl.datasets import Dataset, describe
from attnctl.spec import RunSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from attnctl.jobs.data.memory import Splits
    from attnctl.jobs.data.packing import DetectionBatch
    from attnctl.settings.config import DataRoots

    Batch: TypeAlias = tuple[Tensor, Tensor] | DetectionBatch


class TrainingData(Protocol):
    """An open data set from which one run trains and evaluates."""

    @property
    def steps_per_epoch(self) -> int:
        """Global batches per epoch; an incomplete last batch is dropped."""

    @property
    def evaluation_size(self) -> int:
        """The number of samples that all ranks together evaluate: of the test set, or of the validation split."""

    @property
    def categories(self) -> tuple[int, ...]:
        """For detection, the data set's own id of each label, from label 1 on; otherwise empty."""

    def train(self, start: int, replicas: range, steps: int) -> Iterator[Batch]:
        """Yield for each step in start..steps-1 and each of `replicas`: (images, targets), on the device.

        images: (norm_batch, 3, H, W) float32, normalised and augmented. targets: (norm_batch,) int64, with mixup or
        CutMix (norm_batch, classes) float32, for segmentation (norm_batch, H, W) int64. For detection, each item is a
        `attnctl.jobs.data.packing.DetectionBatch`. Raises DataError for an unreadable image.
        """

    def evaluate(self, rank: int, world: int) -> Iterator[Batch]:
        """Yield this rank's share of the evaluation samples in such batches; each sample belongs to one rank."""

    def close(self) -> None:
        """Stop the worker processes and free the memory."""


def open_data(spec: RunSpec, roots: DataRoots, device: torch.device, workers: int = 0) -> TrainingData:
    """Open the data of a run. workers: processes that read image files; with 0, this process reads them.

    Raises DataError if files are missing or damaged, or if the recipe does not fit the data.
    """
    dataset = describe(spec.dataset)
    folder = roots.folder(dataset.name)
    if dataset.layout == "imagefolder":
        from attnctl.jobs.data.stream import open_stream

        signature = roots.signature(dataset.name) if dataset.is_own else ""
        return open_stream(spec, dataset, folder, device, workers=workers, stage=roots.staging, signature=signature)
    if "classify" not in dataset.tasks:
        from attnctl.jobs.data.own_files import check_own
        from attnctl.jobs.data.scene_data import open_scenes

        if dataset.is_own:
            check_own(dataset, folder, roots.signature(dataset.name))
        return open_scenes(spec, dataset, folder, device, workers=workers, stage=roots.staging)
    from attnctl.jobs.data.memory import InMemoryData

    return InMemoryData(spec, dataset, load_splits(dataset, roots), device)


def check_files_remain(spec: RunSpec, roots: DataRoots) -> None:
    """Raise MissingDataError if the files of a run's data set are gone, which explains an error in reading."""
    from attnctl.jobs.data.errors import check_present

    dataset = describe(spec.dataset)
    folder = roots.folder(dataset.name)
    if folder is not None:
        check_present(dataset, folder)


def load_splits(dataset: Dataset, roots: DataRoots) -> Splits:
    """Load the training and test splits of a data set that fits into memory.

    Raises DataError if files are missing or damaged, or if the number of images is wrong.
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
