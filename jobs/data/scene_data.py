"""The data of a detection or segmentation run: opened, augmented and loaded in the run's order."""

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
from attnctl.jobs.data.packing import (
    DetectionBatch,
    Packed,
    collate,
    collate_by_size,
    detection_batch,
    segmentation_batch,
)
from attnctl.jobs.data.pictures import Augment, Pictures, Reader
from attnctl.jobs.data.scenes import IGNORED, Scenes, trainable
from attnctl.jobs.data.sizes import check_size
from attnctl.jobs.data.split import validation_split
from attnctl.jobs.data.staging import staged
from attnctl.recipes.fitting import AUGMENTATIONS
from attnctl.spec import RunSpec, Task
from attnctl.values import comma_join

log = logging.getLogger(__name__)

EVALUATION_BATCH = 8
"""Minimum number of images read together in an evaluation; those of equal size form a batch."""

_SAMPLED = 16
"""Images of each part whose headers are read before a run starts."""


class Parts(NamedTuple):
    """The training and test parts of a data set."""

    train: Scenes
    test: Scenes


def open_parts(dataset: Dataset, folder: Path | None, task: Task, *, stage: Path | bool = False) -> Parts:
    """Open the two parts of a data set. stage: copy it to this node's local disk first.

    Raises DataError if files are missing or damaged, or if the numbers of images or the classes are wrong.
    """
    if dataset.layout == "embedded":
        parts = Parts(canvases("train"), canvases("test"))
    else:
        present = check_files(dataset, folder)
        source = staged(present, stage)
        parts = Parts(*(_open(dataset, source, names, task) for names in (dataset.train_parts, dataset.test_parts)))
    named = [", ".join(names) for names in (dataset.train_parts, dataset.test_parts)]
    if differ := class_folders.explain(dataset, folder, [part.names for part in parts], named):
        raise DataError(differ)
    check_sizes(dataset, folder, train=len(parts.train), test=len(parts.test))
    return parts


def _open(dataset: Dataset, folder: Path, parts: tuple[str, ...], task: Task) -> Scenes:
    if dataset.layout == "voc":
        return (voc.index_maps if task == "segment" else voc.index_boxes)(folder, parts, dataset.names)
    if len(parts) != 1:
        raise DataError(f"{dataset.name}: a data set in COCO's layout must have one training part and one test part")
    classes = None if task == "segment" else dataset.classes
    return coco.index(folder, parts[0], classes, masks=task == "instance")


def open_scenes(
    spec: RunSpec, dataset: Dataset, folder: Path | None, device: torch.device, *, workers: int, stage: Path | bool
) -> SceneData:
    """Open the data of a run. stage: copy it to this node's local disk first. Raises DataError."""
    parts = open_parts(dataset, folder, models.task(spec.model), stage=stage)
    return SceneData(spec, dataset, parts, device, workers)


def _check_some_sizes(scenes: Scenes) -> None:
    """Raise ImageSizeError if one of a few sampled images does not have its annotated size.

    This refuses a data set whose images were all resized before the training; single images are refused when read.
    """
    for index in sorted({int(k) for k in np.linspace(0, len(scenes) - 1, _SAMPLED)}):
        if (annotated := scenes.table.size(index)) is not None:
            check_size(scenes.stored(index), scenes.name(index), annotated)


class SceneData:
    """The `attnctl.jobs.data.TrainingData` of detection, instance segmentation and semantic segmentation.

    One `train` iterator may be in use at a time, beside one `evaluate`. Raises DataError if the recipe does not fit.
    """

    def __init__(self, spec: RunSpec, dataset: Dataset, parts: Parts, device: torch.device, workers: int = 0) -> None:
        for scenes in parts:
            _check_some_sizes(scenes)
        recipe, model = spec.recipe, models.describe(spec.model)
        self._segment = model.task == "segment"
        masks = model.task == "instance"
        training, evaluated, test = torch.arange(len(parts.train)), torch.arange(len(parts.test)), parts.test
        if not self._segment:
            images, left_out = trainable(parts.train, masks=masks)
            training = torch.from_numpy(images)
            if not len(images):
                raise DataError(f"{dataset.name} has no object to train on; left out: {left_out.summary()}")
            if summary := left_out.summary():
                log.warning("%s: left out of the training: %s", dataset.name, summary)
            if cuts := left_out.cuts():
                log.warning("%s: %s", dataset.name, cuts)
        if model.maps and isinstance(parts.train, coco.CocoScenes):
            parts.train.check_maps(training.tolist())
        if recipe.val_split:
            rest, held_out = validation_split(torch.zeros_like(training).numpy(), recipe.val_split, dataset.name)
            training, evaluated, test = training[rest], training[held_out], parts.train
        self.categories = parts.train.categories
        """The data set's own id of each label, from label 1 on."""
        self.names = parts.train.names
        self._normalize, self._device = Normalize(dataset.mean, dataset.std, device), device
        limit = dataset.classes if self._segment else IGNORED
        reader = Reader(parts.train, training=True, masks=masks, classes=self._segment or model.maps, limit=limit)
        usual = _augment(spec, dataset, model, reader, training)
        no_aug = usual.without_mosaic if isinstance(usual, Mosaic) else usual

        def augment(step: int) -> Augment | None:
            return no_aug if recipe.is_plain(step, self.steps_per_epoch) else usual

        test_reader = Reader(test, training=False, masks=masks, classes=self._segment, limit=limit)
        self._stream: Stream[Packed, list[Packed]] = Stream(
            spec,
            (Pictures(reader, spec.seed, augment), training, collate),
            (Pictures(test_reader, spec.seed), evaluated, collate_by_size),
            device,
            evaluation_batch=max(recipe.norm_batch, EVALUATION_BATCH),
            workers=0 if dataset.layout == "embedded" else workers,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Global batches per epoch."""
        return self._stream.steps_per_epoch

    @property
    def evaluation_size(self) -> int:
        """The number of images that all ranks together evaluate."""
        return self._stream.evaluation_size

    def train(self, start: int, replicas: range, steps: int) -> Iterator[DetectionBatch | tuple[Tensor, Tensor]]:
        """Yield the batches of each step and replica; see `TrainingData`."""
        for _, _, batch in self._stream.train(start, replicas, steps):
            yield self._unpack(batch)

    def evaluate(self, rank: int, world: int) -> Iterator[DetectionBatch | tuple[Tensor, Tensor]]:
        """Yield this rank's share of the evaluation images in batches of equal size; see `TrainingData`."""
        for batches in self._stream.evaluate(rank, world):
            for batch in batches:
                yield self._unpack(batch)

    def close(self) -> None:
        """Stop the worker processes; iterators that are still in use end."""
        self._stream.close()

    def _unpack(self, batch: Packed) -> DetectionBatch | tuple[Tensor, Tensor]:
        if self._segment:
            return segmentation_batch(batch, self._normalize, self._device)
        return detection_batch(batch, self._device)


def _augment(spec: RunSpec, dataset: Dataset, model: models.Model, read: Reader, images: Tensor) -> Augment | None:
    """The augmentation that the recipe names; raises DataError if it does not fit the task."""
    name, fitting = spec.recipe.augment, AUGMENTATIONS[model.task]
    if name not in fitting:
        raise DataError(f"augment={name} does not fit the task {model.task}; use one of {comma_join(fitting)}")
    side = spec.recipe.input_size or dataset.height or model.input
    if name == "none":
        return None
    if name in boxed.AUGMENTS:
        return boxed.AUGMENTS[name]()
    return Mosaic(read, images, side) if name == "mosaic" else ScaleCrop(side, dataset.mean)
