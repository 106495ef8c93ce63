"""Detection and instance segmentation, for networks that compute their own losses, as torchvision's do; AP or mAP.

A detector divides its losses by counts of the forward, such as that of its positive boxes. Forwards are those of the
virtual replicas, so the results do not depend on the number of processes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnctl import datasets
from attnctl.datasets import Dataset
from attnctl.jobs.data import TrainingData
from attnctl.jobs.metrics.coco import CocoAP
from attnctl.jobs.metrics.detections import Detections
from attnctl.jobs.metrics.voc import VocMAP
from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.metrics import deciding
from attnctl.spec import RunSpec

log = logging.getLogger(__name__)

Target = Mapping[str, Tensor]


class Detect:
    """The `attnctl.jobs.tasks.task.Task` of detectors. A batch: images (3, H, W) in 0..1, and the target of each.

    detections: the file to which an evaluation writes its detections.
    """

    primary = deciding("detect")
    columns = 1
    has_dynamic_graph = True
    masks = False

    def __init__(self, spec: RunSpec, data: TrainingData, arithmetic: Arithmetic, detections: Path) -> None:
        self._dataset = datasets.describe(spec.dataset)
        self._data, self._arithmetic, self._detections = data, arithmetic, detections

    def loss(self, network: nn.Module, batch: Any, row: Tensor) -> Tensor:
        """The sum of the network's losses. Images without objects are allowed, even if a forward has no others."""
        images, targets = _network_inputs(batch, self._arithmetic)
        with self._arithmetic.autocast:
            losses: Mapping[str, Tensor] = network(images, targets)
        loss = torch.stack([value.to(self._arithmetic.dtype) for value in losses.values()]).sum()
        row[0] += loss.detach()
        return loss

    def summary(self, sums: Sequence[float], forwards: int, samples: int) -> dict[str, float]:  # noqa: ARG002
        """train_loss."""
        return {"train_loss": sums[0] / forwards}

    def scores(self) -> DetectionScores:
        """The scores for the data set's own metric."""
        metric = metric_of(self._dataset, self._data.categories, masks=self.masks)
        return DetectionScores(metric, self._arithmetic, self._detections)


class Instance(Detect):
    """The `attnctl.jobs.tasks.task.Task` of detectors with masks, whose targets contain masks too."""

    primary = deciding("instance")
    masks = True


class DetectionScores:
    """The `attnctl.jobs.tasks.task.Scores` of detectors; writes the detections on each image to `path`."""

    def __init__(self, metric: Detections, arithmetic: Arithmetic, path: Path) -> None:
        self._metric, self._arithmetic, self._path = metric, arithmetic, path

    def update(self, network: nn.Module, batch: Any) -> None:
        """Add a batch of images and targets, which include crowds and difficult objects."""
        images, targets = batch
        with self._arithmetic.autocast:
            detections = network([self._arithmetic.images(image) for image in images])
        self._metric.update(detections, targets)

    def compute(self, group: Group) -> tuple[dict[str, float], int]:
        """The metric over the images of all ranks."""
        self._metric.gather(group)
        count = group.broadcast(self._metric.count)
        values = self._metric.compute()
        if group.first:
            try:
                self._metric.write(self._path)
            except OSError as error:
                if not disk_full.is_full(error):
                    raise
                log.warning("the detections were not saved: %s", error)
        return values, count


def metric_of(dataset: Dataset, categories: Sequence[int], *, masks: bool) -> Detections:
    """The metric of a data set. categories: the data set's own id of each label."""
    if dataset.layout == "voc":
        return VocMAP(categories, "11-point" if dataset.name == "voc07" else "area")
    return CocoAP(categories, masks=masks)


def _network_inputs(batch: Any, arithmetic: Arithmetic) -> tuple[list[Tensor], list[Target]]:
    """Images and targets for the network: images and boxes in its dtype, everything else unchanged."""
    images, targets = batch
    converted: list[Target] = [{**target, "boxes": target["boxes"].to(arithmetic.dtype)} for target in targets]
    return [arithmetic.images(image) for image in images], converted
