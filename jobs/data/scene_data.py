"""The data of a detector's or a segmentation's run: opened, augmented and loaded in the run's own order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from attnctl import models
from attnctl.datasets import Dataset, class_folders
from attnctl.jobs.data import boxed, coco, voc
from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.canvases import canvases
from attnctl.jobs.data.errors import DataError, check_files, check_sizes
from attnctl.jobs.data.loader import Stream
from attnctl.jobs.data.mapped import ScaleCrop
from attnctl.jobs.data.mosaic import Mosaic
from attnctl.jobs.data.packing import DetectionBatch, Packed, collate, collate_alike, detection, segmentation
from attnctl.jobs.data.pictures import Augment, Pictures, Reader
from attnctl.jobs.data.scenes import IGNORED, Scenes, trained_on
from attnctl.jobs.data.sizes import check_size
from attnctl.jobs.data.split import held_out
from attnctl.jobs.data.staging import staged
from attnctl.recipes.fitting import AUGMENTATIONS
from attnctl.spec import RunSpec, Task
from attnctl.values import comma_join

log = logging.getLogger(__name__)

EVALUATION_BATCH = 8
"""Images read together in an evaluation, at least; those of them that are equally large are a batch."""

_LOOKED_AT = 16
"""Images of each part whose headers are read before a run starts."""


class Parts(NamedTuple):
    """What is trained on, and what is evaluated."""

    train: Scenes
    test: Scenes


def open_parts(dataset: Dataset, folder: Path | None, task: Task, *, stage: bool = False) -> Parts:
    """The two parts of a data set, `stage`: in a copy on this node's own disk.

    Raises DataError when files are missing or wrong, or are not as many or of other classes than they should be.
    """
    if dataset.layout == "embedded":
        parts = Parts(canvases("train"), canvases("test"))
    else:
        present = check_files(dataset, folder)
        source = staged(present) if stage else present
        parts = Parts(*(_opened(dataset, source, names, task) for names in (dataset.train_parts, dataset.test_parts)))
    named = [", ".join(names) for names in (dataset.train_parts, dataset.test_parts)]
    if differ := class_folders.explain(dataset, folder, [part.names for part in parts], named):
        raise DataError(differ)
    check_sizes(dataset, folder, train=len(parts.train), test=len(parts.test))
    return parts


def _opened(dataset: Dataset, folder: Path, parts: tuple[str, ...], task: Task) -> Scenes:
    if dataset.layout == "voc":
        return (voc.index_maps if task == "segment" else voc.index_boxes)(folder, parts, dataset.names)
    if len(parts) != 1:
        raise DataError(f"{dataset.name}: a data set of COCO's layout has one part to train on and one to test on")
    classes = None if task == "segment" else dataset.classes
    return coco.index(folder, parts[0], classes, masks=task == "instance")


def open_scenes(
    spec: RunSpec, dataset: Dataset, folder: Path | None, device: torch.device, *, workers: int, stage: bool
) -> SceneData:
    """The data of a run; `stage`: from a copy on this node's own disk. Raises DataError."""
    parts = open_parts(dataset, folder, models.task(spec.model), stage=stage)
    return SceneData(spec, dataset, parts, device, workers)


def _check_some_sizes(scenes: Scenes) -> None:
    """Raise ImageSizeError when one of a few images has not its annotated size.

    A data set whose images were all resized is refused before it trains; one such image when it is read.
    """
    for index in sorted({int(k) for k in np.linspace(0, len(scenes) - 1, _LOOKED_AT)}):
        if (annotated := scenes.table.size(index)) is not None:
            check_size(scenes.stored(index), scenes.name(index), annotated)


class SceneData:
    """`attnctl.jobs.data.TrainingData` of detection, instance segmentation and segmentation.

    One `train` iterator is in use at a time, beside one `evaluate`. Raises DataError when the recipe does not fit.
    """

    def __init__(self, spec: RunSpec, dataset: Dataset, parts: Parts, device: torch.device, workers: int = 0) -> None:
        for scenes in parts:
            _check_some_sizes(scenes)
        recipe, model = spec.recipe, models.describe(spec.model)
        self._segment = model.task == "segment"
        masks = model.task == "instance"
        learned, judged, test = torch.arange(len(parts.train)), torch.arange(len(parts.test)), parts.test
        if not self._segment:
            found, left = trained_on(parts.train, masks=masks)
            learned = torch.from_numpy(found)
            if not len(found):
                raise DataError(f"{dataset.name} has no object to train on; left out are {left.words()}")
            if words := left.words():
                log.warning("%s: left out of the training: %s", dataset.name, words)
        if recipe.val_split:
            rest, taken = held_out(torch.zeros_like(learned).numpy(), recipe.val_split, dataset.name)
            learned, judged, test = learned[rest], learned[taken], parts.train
        self.categories = parts.train.categories
        """The data set's own id of each label, from label 1 on."""
        self.names = parts.train.names
        self._normalize, self._device = Normalize(dataset.mean, dataset.std, device), device
        limit = dataset.classes if self._segment else IGNORED
        read = Reader(parts.train, learning=True, masks=masks, classes=self._segment or model.maps, limit=limit)
        usual = _augment(spec, dataset, model, read, learned)
        plain = usual.plain if isinstance(usual, Mosaic) else usual

        def augment(step: int) -> Augment | None:
            return plain if recipe.is_plain(step, self.steps_per_epoch) else usual

        evaluated = Reader(test, learning=False, masks=masks, classes=self._segment, limit=limit)
        self._stream: Stream[Packed, list[Packed]] = Stream(
            spec,
            (Pictures(read, spec.seed, augment), learned, collate),
            (Pictures(evaluated, spec.seed), judged, collate_alike),
            device,
            evaluation_batch=max(recipe.norm_batch, EVALUATION_BATCH),
            workers=0 if dataset.layout == "embedded" else workers,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Global batches in an epoch."""
        return self._stream.steps_per_epoch

    @property
    def evaluation_size(self) -> int:
        """Images that all ranks together evaluate."""
        return self._stream.evaluation_size

    def train(self, start: int, replicas: range, steps: int) -> Iterator[DetectionBatch | tuple[Tensor, Tensor]]:
        """Batches of each step and replica; see `TrainingData`."""
        for _, _, batch in self._stream.train(start, replicas, steps):
            yield self._finished(batch)

    def evaluate(self, rank: int, world: int) -> Iterator[DetectionBatch | tuple[Tensor, Tensor]]:
        """This rank's share of the evaluated images, equally large ones together; see `TrainingData`."""
        for batches in self._stream.evaluate(rank, world):
            for batch in batches:
                yield self._finished(batch)

    def close(self) -> None:
        """End the worker processes, and with them the iterators that are still in use."""
        self._stream.close()

    def _finished(self, batch: Packed) -> DetectionBatch | tuple[Tensor, Tensor]:
        if self._segment:
            return segmentation(batch, self._normalize, self._device)
        return detection(batch, self._device)


def _augment(spec: RunSpec, dataset: Dataset, model: models.Model, read: Reader, learned: Tensor) -> Augment | None:
    """What the recipe names; raises DataError when it is not for the task."""
    name, fitting = spec.recipe.augment, AUGMENTATIONS[model.task]
    if name not in fitting:
        raise DataError(f"augment {name} is not for the task {model.task}, which takes {comma_join(fitting)}")
    side = spec.recipe.input_size or dataset.height or model.input
    if name == "none":
        return None
    if name in boxed.AUGMENTS:
        return boxed.AUGMENTS[name]()
    return Mosaic(read, learned, side) if name == "mosaic" else ScaleCrop(side, dataset.mean)
