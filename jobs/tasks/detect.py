"""Detection and instance segmentation: networks that give their own losses, as torchvision's do; AP or mAP.

A detector divides its losses by counts of this forward, such as that of its positive boxes. Forwards are those of the
virtual replicas, so that every world divides alike.
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
    """`attnctl.jobs.tasks.task.Task` of detectors. A batch: images (3, H, W) each, in 0..1, and the targets of each.

    kept: the file for what an evaluation finds.
    """

    primary = deciding("detect")
    columns = 1
    has_dynamic_graph = True
    masks = False

    def __init__(self, spec: RunSpec, data: TrainingData, arithmetic: Arithmetic, kept: Path) -> None:
        self._dataset = datasets.describe(spec.dataset)
        self._data, self._arithmetic, self._kept = data, arithmetic, kept

    def loss(self, network: nn.Module, batch: Any, row: Tensor) -> Tensor:
        """The sum of the network's losses. Images without objects, even all of a forward, are as good as others."""
        images, targets = _given(batch, self._arithmetic)
        with self._arithmetic.autocast:
            losses: Mapping[str, Tensor] = network(images, targets)
        loss = torch.stack([value.to(self._arithmetic.dtype) for value in losses.values()]).sum()
        row[0] += loss.detach()
        return loss

    def summary(self, sums: Sequence[float], forwards: int, samples: int) -> dict[str, float]:  # noqa: ARG002
        """train_loss."""
        return {"train_loss": sums[0] / forwards}

    def scores(self) -> DetectionScores:
        """The data set's own metric."""
        metric = metric_of(self._dataset, self._data.categories, masks=self.masks)
        return DetectionScores(metric, self._arithmetic, self._kept)


class Instance(Detect):
    """`attnctl.jobs.tasks.task.Task` of detectors that give masks, and whose targets hold them."""

    primary = deciding("instance")
    masks = True


class DetectionScores:
    """`attnctl.jobs.tasks.task.Scores`: what is found on each image, kept in `path`."""

    def __init__(self, metric: Detections, arithmetic: Arithmetic, path: Path) -> None:
        self._metric, self._arithmetic, self._path = metric, arithmetic, path

    def update(self, network: nn.Module, batch: Any) -> None:
        """Take in images and targets, crowds and difficult objects among them."""
        images, targets = batch
        with self._arithmetic.autocast:
            found = network([self._arithmetic.images(image) for image in images])
        self._metric.update(found, targets)

    def compute(self, group: Group) -> tuple[dict[str, float], int]:
        """The metric over all ranks' images."""
        self._metric.gather(group)
        count = group.choice(self._metric.count)
        values = self._metric.compute()
        if group.first:
            try:
                self._metric.write(self._path)
            except OSError as error:
                if not disk_full.is_full(error):
                    raise
                log.warning("the detections are not kept: %s", error)
        return values, count


def metric_of(dataset: Dataset, categories: Sequence[int], *, masks: bool) -> Detections:
    """The metric that a data set is judged by. categories: its own id of each label."""
    if dataset.layout == "voc":
        return VocMAP(categories, "11-point" if dataset.name == "voc07" else "area")
    return CocoAP(categories, masks=masks)


def _given(batch: Any, arithmetic: Arithmetic) -> tuple[list[Tensor], list[Target]]:
    """Images and targets as the network computes: their boxes are of its type, all else is as it is."""
    images, targets = batch
    given: list[Target] = [{**target, "boxes": target["boxes"].to(arithmetic.dtype)} for target in targets]
    return [arithmetic.images(image) for image in images], given
