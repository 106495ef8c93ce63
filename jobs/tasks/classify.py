"""Classification: cross-entropy or another loss, with one class per image, or with mixed ones; top-1 and top-5."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.losses import open_loss
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.metrics import deciding
from attnctl.recipes.own_parts import Loss
from attnctl.spec import Recipe

Batch = tuple[Tensor, Tensor]
"""images (B, 3, H, W); targets (B,) class indices or, in training, (B, classes) class weights."""


class Classify:
    """The `attnctl.jobs.tasks.task.Task` of classifiers."""

    primary = deciding("classify")
    columns = 2
    has_dynamic_graph = False

    def __init__(self, recipe: Recipe, arithmetic: Arithmetic, code: str = "") -> None:
        self._recipe, self._arithmetic, self._code = recipe, arithmetic, code

    @cached_property
    def _loss(self) -> Loss:
        """Created at the first training step: an evaluation does not need it."""
        return open_loss(self._recipe, self._code)

    def loss(self, network: nn.Module, batch: Batch, row: Tensor) -> Tensor:
        """The mean loss; also counts correct predictions, for class weights by the largest one."""
        images, targets = batch
        with self._arithmetic.autocast:
            logits = network(self._arithmetic.images(images))
        logits = logits.to(self._arithmetic.dtype)
        if targets.is_floating_point():
            targets = targets.to(self._arithmetic.dtype)
        loss = self._loss(logits, targets)
        with torch.no_grad():
            answers = targets if targets.ndim == 1 else targets.argmax(1)
            row[0] += loss.detach()
            row[1] += (logits.detach().argmax(1) == answers).sum()
        return loss

    def summary(self, sums: Sequence[float], forwards: int, samples: int) -> dict[str, float]:
        """train_loss, and train_top1 in percent."""
        return {"train_loss": sums[0] / forwards, "train_top1": 100 * sums[1] / samples}

    def scores(self) -> TopScores:
        """Top-1 and top-5."""
        return TopScores(self._arithmetic)


class TopScores:
    """The `attnctl.jobs.tasks.task.Scores` of classifiers: mean loss (natural logarithm), top1 and top5 in percent.

    With fewer than five classes, top5 counts all of them.
    """

    def __init__(self, arithmetic: Arithmetic) -> None:
        self._arithmetic = arithmetic
        self._sums = torch.zeros(4, dtype=torch.float64)

    def update(self, network: nn.Module, batch: Batch) -> None:
        """Add a batch of (images, labels)."""
        images, labels = batch
        with self._arithmetic.autocast:
            logits = network(self._arithmetic.images(images))
        self._sums = self._sums.to(logits.device) + _count(logits, labels)

    def compute(self, group: Group) -> tuple[dict[str, float], int]:
        """The values over the samples of all ranks."""
        loss, top1, top5, count = group.total(self._sums).tolist()
        samples = max(count, 1)
        return {"loss": loss / samples, "top1": 100 * top1 / samples, "top5": 100 * top5 / samples}, int(count)


def _count(logits: Tensor, labels: Tensor) -> Tensor:
    logits = logits if logits.dtype == torch.float64 else logits.float()
    loss = functional.cross_entropy(logits, labels, reduction="sum")
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    size = torch.tensor(len(labels), device=logits.device)
    return torch.stack([loss.double(), best[:, 0].sum().double(), best.sum().double(), size.double()])
