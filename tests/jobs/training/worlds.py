"""A small network that is trained in worlds of several ranks."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.spec import RunSpec
from tests.jobs.training.training_workers import make_spec

CLASSES, SAMPLES, TESTED = 4, 40, 23


class Network(nn.Module):
    """Small, with all that could tell worlds apart: batch norm, dropout, a penalty."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, bias=False)  # before a norm its gradient would be noise, which AdamW scales up
        self.norm = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.conv(x)))
        return self.fc(self.drop(x.mean((2, 3))))  # type: ignore[no-any-return]

    def extra_loss(self) -> Tensor:
        return 0.1 * self.norm.weight.abs().sum()


class Data:
    """Random images; ranks evaluate unequal shares, some of them nothing at all."""

    categories: tuple[int, ...] = ()

    def __init__(self, spec: RunSpec, tested: int = TESTED) -> None:
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randn(SAMPLES + tested, 3, 5, 5, generator=generator)
        self.labels = torch.randint(CLASSES, (SAMPLES + tested,), generator=generator)
        self.recipe = spec.recipe
        self.steps_per_epoch = SAMPLES // spec.recipe.batch
        self.evaluation_size = tested

    def train(self, start: int, replicas: range, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        size = self.recipe.norm_batch
        for step in range(start, steps):
            for replica in replicas:
                begin = step % self.steps_per_epoch * self.recipe.batch + replica * size
                yield self.images[begin : begin + size], self.labels[begin : begin + size]

    def evaluate(self, rank: int, world: int) -> Iterator[tuple[Tensor, Tensor]]:
        for begin in range(SAMPLES + rank * 3, len(self.labels), world * 3):
            part = slice(begin, min(begin + 3, len(self.labels)))
            yield self.images[part], self.labels[part]

    def close(self) -> None:
        pass


def make_run(**overrides: Any) -> RunSpec:
    overrides = {"batch": 8, "norm_batch": 2, "clip_grad_norm": 0.5, "ema_decay": 0.9, **overrides}
    return make_spec("none", label_smoothing=0.1, epochs=3, **overrides)
