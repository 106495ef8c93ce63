"""Classification: cross-entropy or another loss, with one class per image, or with mixed ones; top-1 and top-5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.jobs.data.order import share
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.losses import open_loss
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.metrics import deciding
from attnctl.recipes import own_parts
from attnctl.recipes.own_parts import Loss, Measure
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
        return self.losses(network, batch, row[None])[0]

    def losses(self, network: nn.Module, batch: Batch, rows: Tensor) -> Tensor:
        """The mean loss of each replica, and its correct predictions; see `JointTask`."""
        images, targets = batch
        with self._arithmetic.autocast:
            logits = network(self._arithmetic.images(images))
        logits = logits.to(self._arithmetic.dtype)
        if targets.is_floating_point():
            targets = targets.to(self._arithmetic.dtype)
        count = len(rows)
        pairs = zip(logits.chunk(count), targets.chunk(count), strict=True)
        losses = torch.stack([self._loss(*pair) for pair in pairs])
        with torch.no_grad():
            answers = targets if targets.ndim == 1 else targets.argmax(1)
            rows[:, 0] += losses.detach()
            rows[:, 1] += (logits.detach().argmax(1) == answers).view(count, -1).sum(1)
        return losses

    def summary(self, sums: Sequence[float], forwards: int, samples: int) -> dict[str, float]:
        """train_loss, and train_top1 in percent."""
        return {"train_loss": sums[0] / forwards, "train_top1": 100 * sums[1] / samples}

    def scores(self) -> TopScores:
        """Top-1 and top-5, and the recipe's other metrics."""
        return TopScores(self._arithmetic, own_parts.metrics(self._recipe, self._code))


class TopScores:
    """The `attnctl.jobs.tasks.task.Scores` of classifiers: mean loss (natural logarithm), top1 and top5 in percent.

    With fewer than five classes, top5 counts all of them. metrics: the user's, by name, for which the logits of all
    samples are collected from the ranks.
    """

    def __init__(self, arithmetic: Arithmetic, metrics: Mapping[str, Measure] = MappingProxyType({})) -> None:
        self._arithmetic, self._metrics = arithmetic, metrics
        self._logits: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._sums = torch.zeros(4, dtype=torch.float64)

    def update(self, network: nn.Module, batch: Batch) -> None:
        """Add a batch of (images, labels)."""
        images, labels = batch
        with self._arithmetic.autocast:
            logits = network(self._arithmetic.images(images))
        self._sums = self._sums.to(logits.device) + _count(logits, labels)
        if self._metrics:
            self._logits.append(logits.to("cpu", torch.float64))
            self._labels.append(labels.cpu())

    def compute(self, group: Group) -> tuple[dict[str, float], int]:
        """The values over the samples of all ranks."""
        loss, top1, top5, count = group.total(self._sums).tolist()
        samples = max(count, 1)
        values = {"loss": loss / samples, "top1": 100 * top1 / samples, "top5": 100 * top5 / samples}
        if self._metrics:
            logits, labels = self._gathered(group, int(count))
            values |= {name: measure(logits, labels) for name, measure in self._metrics.items()}
        return values, int(count)

    def _gathered(self, group: Group, count: int) -> tuple[Tensor, Tensor]:
        """The logits and labels of all ranks in the order of the samples: rank r has r, r + world and so on."""
        (classes,) = group.maximum([max((part.shape[1] for part in self._logits), default=0)])
        logits, labels = torch.zeros(count, classes, dtype=torch.float64), torch.zeros(count, dtype=torch.int64)
        if self._logits:
            mine = share(count, group.rank, group.world)
            logits[mine.start :: mine.step] = torch.cat(self._logits)
            labels[mine.start :: mine.step] = torch.cat(self._labels)
        return group.total(logits).to(self._arithmetic.dtype), group.total(labels)


def _count(logits: Tensor, labels: Tensor) -> Tensor:
    logits = logits if logits.dtype == torch.float64 else logits.float()
    loss = functional.cross_entropy(logits, labels, reduction="sum")
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    size = torch.tensor(len(labels), device=logits.device)
    return torch.stack([loss.double(), best[:, 0].sum().double(), best.sum().double(), size.double()])
