"""The images on which a trained detector or segmentation network is evaluated: of any data set with its classes, or of
a folder in COCO's or VOC's layout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attnctl import models
from attnctl.datasets import Dataset, describe, object_scan
from attnctl.jobs.data import coco, voc
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.evaluated import Which
from attnctl.jobs.data.pictures import Picture, Reader
from attnctl.jobs.data.scene_data import Parts, open_parts
from attnctl.jobs.data.scenes import IGNORED, Integers, Scenes, trainable
from attnctl.jobs.data.split import validation_split
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec, Task
from attnctl.values import SpecError, comma_join, first_of

_NAMED = 3


@dataclass(frozen=True)
class EvaluatedScenes:
    """Images with objects or class maps.

    indices: of the images that count. labels: the network's label of each label of the data set, whose first is 1.
    ignores: objects that are difficult or crowds need not be detected, whichever of the two the metric knows.
    """

    scenes: Scenes
    indices: Integers
    labels: Integers
    task: Task
    classes: int
    ignores: bool = False

    def __len__(self) -> int:
        return len(self.indices)

    def content(self) -> str:
        """A digest of the names of the images and of their objects."""
        digest = hashlib.sha256()
        for index in self.indices.tolist():
            objects = self.scenes.table.of(index)
            digest.update(Path(self.scenes.name(index)).name.encode(errors="surrogateescape") + b"\0")
            digest.update(objects.labels.tobytes() + objects.boxes.tobytes())
        return digest.hexdigest()

    def names(self) -> dict[int, str]:
        """The file name of each image, by its number in the data set."""
        return {self.scenes.number(k): Path(self.scenes.name(k)).name for k in self.indices.tolist()}

    def pictures(self) -> Iterator[Picture]:
        """The images in order, with the network's labels. Raises DataError for an unreadable one."""
        segment = self.task == "segment"
        limit = self.classes if segment else IGNORED
        read = Reader(self.scenes, training=False, masks=self.task == "instance", classes=segment, limit=limit)
        return (self._of_network(read(index)) for index in self.indices.tolist())

    def _of_network(self, picture: Picture) -> Picture:
        objects = picture.objects._replace(labels=self.labels[picture.objects.labels - 1])
        if self.ignores:
            either = objects.crowd | objects.difficult
            objects = objects._replace(crowd=either, difficult=either)
        return picture._replace(objects=objects)


def open_scenes(spec: RunSpec, name: str, which: Which, roots: DataRoots) -> EvaluatedScenes:
    """The images of a data set with the classes of a run's. Raises SpecError, DataError."""
    trained, dataset, task = describe(spec.dataset), describe(name), models.task(spec.model)
    if task not in dataset.tasks:
        raise SpecError(
            f"run {spec.id} is for the task {task}, {dataset.name} for {comma_join(dataset.tasks)}; name a data set "
            f"for {task}"
        )
    parts = open_parts(dataset, roots.folder(dataset.name), task)
    scenes = parts.test if which == "test" else parts.train
    theirs = dataset.names if task == "segment" else scenes.names
    labels = _labels(theirs, trained.names or (theirs if dataset == trained else ()), spec, dataset.name)
    numbers = _numbers(parts, which, spec, dataset)
    return _evaluated(scenes, numbers, labels, spec, dataset.name, other=dataset.layout != trained.layout)


def open_folder(spec: RunSpec, folder: Path) -> EvaluatedScenes:
    """The evaluated part of a folder in COCO's or VOC's layout. Raises SpecError, DataError."""
    trained, task = describe(spec.dataset), models.task(spec.model)
    if task == "segment":
        raise SpecError(f"run {spec.id} is for the task segment; --dataset must be the name of a data set for segment")
    layout, part = object_scan.evaluated_part(folder)
    if layout == "voc" and task == "instance":
        raise SpecError(f"{folder} is in VOC's layout, which has no masks; run {spec.id} needs them: use COCO's layout")
    scenes: Scenes
    if layout == "voc":
        if not trained.names:
            raise SpecError(f"the names of the classes of {trained.name} are unknown; use a folder in COCO's layout")
        scenes = voc.index_boxes(folder, (part,), trained.names)
    else:
        scenes = coco.index(folder, part, None, masks=task == "instance")
    labels = _labels(scenes.names, trained.names, spec, str(folder))
    numbers = np.arange(len(scenes))
    return _evaluated(scenes, numbers, labels, spec, str(folder), other=layout != trained.layout)


def _numbers(parts: Parts, which: Which, spec: RunSpec, dataset: Dataset) -> Integers:
    """The images of a part: all, or those that the run held out from its training images or trained on."""
    held_out = spec.recipe.val_split
    if which == "val" and (not held_out or dataset.name != spec.dataset):
        raise SpecError(
            f"run {spec.id} held out no images of {dataset.name} from its training; --split val needs val_split"
        )
    if which == "test" or not held_out or dataset.name != spec.dataset:
        return np.arange(len(parts.test if which == "test" else parts.train))
    task = models.task(spec.model)
    images = np.arange(len(parts.train)) if task == "segment" else trainable(parts.train, masks=task == "instance")[0]
    return images[validation_split(np.zeros_like(images), held_out, dataset.name)[which == "val"]]


def _evaluated(
    scenes: Scenes, numbers: Integers, labels: Integers, spec: RunSpec, source: str, *, other: bool
) -> EvaluatedScenes:
    """other: the images are in another layout than those of the run."""
    if not len(numbers):
        raise DataError(f"{source} has no images to evaluate on")
    classes = describe(spec.dataset).classes
    return EvaluatedScenes(scenes, numbers, labels, models.task(spec.model), classes, ignores=other)


def _labels(theirs: Sequence[str], ours: Sequence[str], spec: RunSpec, source: str) -> Integers:
    """The network's label of each class of a data set; raises SpecError for a class that it does not have."""
    trained = describe(spec.dataset)
    if not ours or not theirs:
        if len(theirs) not in (0, trained.classes):
            raise SpecError(f"{source} has {len(theirs)} classes instead of the {trained.classes} of {trained.name}")
        return np.arange(1, trained.classes + 1)
    unknown = [name for name in theirs if name not in ours]
    if unknown or (models.task(spec.model) == "segment" and list(theirs) != list(ours)):
        raise SpecError(
            f"{source} has other classes than {trained.name}, on which the run was trained: "
            f"{first_of(unknown or theirs, _NAMED)}; the network knows {first_of(ours, _NAMED)}"
        )
    return np.array([ours.index(name) + 1 for name in theirs])
