"""A data set cut short, for networks that need to be trained, but not well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from attnctl.jobs.data import open_data
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec


class TwoSteps:
    """The digits, cut short: two steps, and one batch to evaluate."""

    steps_per_epoch = 2
    categories: tuple[int, ...] = ()

    def __init__(self, spec: RunSpec) -> None:
        data = open_data(spec, DataRoots(), torch.device("cpu"))
        self.train = data.train
        self.close = data.close
        self._evaluated = tuple(part[:32] for part in next(iter(data.evaluate(0, 1))))
        self.evaluation_size = len(self._evaluated[1])

    def evaluate(self, rank: int, world: int) -> Iterator[Any]:
        yield self._evaluated
