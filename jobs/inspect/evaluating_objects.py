"""Evaluates a trained detector or segmentation network on any images of its classes, with the metric of its run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from attnctl.datasets import describe
from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.evaluated_objects import EvaluatedScenes, open_folder, open_scenes
from attnctl.jobs.data.packing import collate_by_size, detection_batch, segmentation_batch
from attnctl.jobs.data.scene_data import EVALUATION_BATCH
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.inspect.predict import class_names
from attnctl.jobs.metrics.detections import Detections
from attnctl.jobs.metrics.segmentation import MeanIoU
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.detect import DetectionScores, metric_of
from attnctl.jobs.tasks.segment import MapScores
from attnctl.jobs.tasks.task import Arithmetic, Scores
from attnctl.settings.config import DataRoots
from attnctl.sources import blame
from attnctl.values import SpecError
from attnctl.workspace.evaluations import EvaluatedSplit, Evaluation, Part, folder_of


@dataclass(frozen=True)
class ObjectResults:
    """An evaluation, and the detections behind it; None for segmentation."""

    evaluation: Evaluation
    detections: Detections | None
    classes: tuple[str, ...]
    files: dict[int, str]
    """The name of each image, by its number."""

    def rows(self) -> Iterator[tuple[str, str, float, float, float, float, float]]:
        """(image, class, score, x1, y1, x2, y2) of each detection, in pixels."""
        for image in self.detections.images if self.detections is not None else ():
            found = image.detected
            for label, score, box in zip(
                found.labels.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True
            ):
                x1, y1, x2, y2 = box
                yield self.files[image.number], self.classes[label - 1], score, x1, y1, x2, y2


def open_images(trained: Trained, dataset: str | None, split: EvaluatedSplit, roots: DataRoots) -> EvaluatedScenes:
    """The images of a data set, of a folder, or of the run's own data set. Raises SpecError, DataError."""
    spec = trained.spec
    folder = folder_of(dataset, split)
    if folder is None:
        return open_scenes(spec, dataset or spec.dataset, split, roots)
    return open_folder(spec, folder)


@torch.inference_mode()
def evaluate(
    trained: Trained,
    images: EvaluatedScenes,
    *,
    dataset: str,
    split: EvaluatedSplit,
    beat: Callable[[int], None] = lambda _images: None,
) -> ObjectResults:
    """Evaluate a network. dataset, split: what the record calls the images. beat: called with the size of each batch.

    Raises SpecError if the network cannot process the images, and DataError for an unreadable one.
    """
    metric: Detections | None = None
    surface: MeanIoU | None = None
    arithmetic = Arithmetic.of(trained.spec.recipe, trained.device)
    with tempfile.TemporaryDirectory() as folder:
        scores: Scores
        if images.task == "segment":
            surface = MeanIoU(images.classes)
            scores = MapScores(surface, arithmetic)
        else:
            numbers = range(1, images.classes + 1)
            metric = metric_of(describe(trained.spec.dataset), numbers, masks=images.task == "instance")
            scores = DetectionScores(metric, arithmetic, Path(folder) / "found.json")
        for batch, size in _batches(trained, images):
            try:
                scores.update(trained.network, batch)
            except Exception as error:  # any error of a user's own module
                raise SpecError(f"the network of run {trained.run} fails: {blame.describe(error)}") from error
            beat(size)
        values, count = scores.compute(Group(0, 1, trained.device))
    classes = class_names(trained.spec)
    evaluation = Evaluation(
        at=time.time(),
        dataset=dataset,
        split=split,
        content=images.content(),
        step=trained.step,
        images=count,
        metrics=values,
        parts=(Part(images=count, metrics=values),),
        classes=(),
        by_class=(),
        class_metrics=_by_name(classes, metric, surface),
    )
    return ObjectResults(evaluation, metric, classes, images.names())


def _by_name(
    classes: tuple[str, ...], metric: Detections | None, surface: MeanIoU | None
) -> dict[str, dict[str, float]]:
    """The values of each class by its name; labels of objects count from 1."""
    if metric is not None:
        return {classes[label - 1]: values for label, values in metric.class_values().items()}
    return {classes[number]: values for number, values in surface.class_values().items()} if surface is not None else {}


def _batches(trained: Trained, images: EvaluatedScenes) -> Iterator[tuple[Any, int]]:
    """Batches of images of one size, each with its number of images."""
    dataset = describe(trained.spec.dataset)
    normalize = Normalize(dataset.mean, dataset.std, trained.device)
    pictures = images.pictures()
    size = max(trained.spec.recipe.norm_batch, EVALUATION_BATCH)
    while chunk := list(islice(pictures, size)):
        packed = collate_by_size(list(chunk))
        assert isinstance(packed, list), "unreadable images raise DataError"
        for batch in packed:
            unpacked = (
                segmentation_batch(batch, normalize, trained.device)
                if images.task == "segment"
                else detection_batch(batch, trained.device)
            )
            yield unpacked, len(batch.counts)
