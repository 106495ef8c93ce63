"""Semantic segmentation: cross-entropy of every labelled pixel; the mean intersection over union."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl import datasets
from attnctl.jobs.metrics.segmentation import IGNORED, MeanIoU
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.metrics import deciding
from attnctl.spec import RunSpec

Batch = tuple[Tensor, Tensor]
"""images (B, 3, H, W); targets (B, H, W) class indices, 255 for unlabelled pixels."""


class Segment:
    """The `attnctl.jobs.tasks.task.Task` of networks that return `{"out": logits (B, C, H, W)}`."""

    primary = deciding("segment")
    columns = 3
    has_dynamic_graph = False

    def __init__(self, spec: RunSpec, arithmetic: Arithmetic) -> None:
        self._classes = datasets.describe(spec.dataset).classes
        self._smoothing, self._arithmetic = spec.recipe.label_smoothing, arithmetic

    def loss(self, network: nn.Module, batch: Batch, row: Tensor) -> Tensor:
        """The mean over the labelled pixels, 0 if there are none; also counts them and the correct ones."""
        return self.losses(network, batch, row[None])[0]

    def losses(self, network: nn.Module, batch: Batch, rows: Tensor) -> Tensor:
        """The loss of each replica and its counts; see `JointTask`."""
        logits, targets = _predict(network, batch, self._arithmetic)
        parts = zip(logits.chunk(len(rows)), targets.chunk(len(rows)), rows, strict=True)
        return torch.stack([self._compare(*part) for part in parts])

    def _compare(self, logits: Tensor, targets: Tensor, row: Tensor) -> Tensor:
        total = functional.cross_entropy(
            logits, targets, reduction="sum", ignore_index=IGNORED, label_smoothing=self._smoothing
        )
        with torch.no_grad():
            valid = (targets != IGNORED).sum()
            hits = (logits.argmax(1) == targets).sum()
        loss = total / valid.clamp(min=1)
        row += torch.stack([loss.detach().double(), hits.double(), valid.double()])
        return loss

    def summary(self, sums: Sequence[float], forwards: int, samples: int) -> dict[str, float]:  # noqa: ARG002
        """train_loss, and train_pixel_accuracy in percent."""
        return {"train_loss": sums[0] / forwards, "train_pixel_accuracy": 100 * sums[1] / max(sums[2], 1)}

    def scores(self) -> MapScores:
        """The scores for the mean IoU and the loss."""
        return MapScores(MeanIoU(self._classes), self._arithmetic)


class MapScores:
    """The `attnctl.jobs.tasks.task.Scores` of segmenters: miou, pixel_accuracy, mean loss per labelled pixel."""

    def __init__(self, metric: MeanIoU, arithmetic: Arithmetic) -> None:
        self._metric, self._arithmetic = metric, arithmetic
        self._sums = torch.zeros(2, dtype=torch.float64)

    def update(self, network: nn.Module, batch: Batch) -> None:
        """Add a batch of images and class maps."""
        logits, targets = _predict(network, batch, self._arithmetic)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        loss = functional.cross_entropy(logits, targets, reduction="sum", ignore_index=IGNORED)
        sums = torch.stack([loss.double(), (targets != IGNORED).sum().double()])
        self._sums = self._sums.to(sums.device) + sums
        self._metric.update({"out": logits}, targets)

    def compute(self, group: Group) -> tuple[dict[str, float], int]:
        """The values over the pixels of all ranks."""
        self._metric.gather(group)
        loss, pixels = group.total(self._sums).tolist()
        return {"loss": loss / max(pixels, 1), **self._metric.compute()}, self._metric.count


def _predict(network: nn.Module, batch: Batch, arithmetic: Arithmetic) -> Batch:
    """(logits in the dtype of the weights, targets)."""
    images, targets = batch
    with arithmetic.autocast:
        logits = network(arithmetic.images(images))["out"]
    return logits.to(arithmetic.dtype), targets
