"""Which samples a batch holds: a pure function of (seed, step, replica), for any start and any world."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.seeding import derive
from attnctl.spec import RunSpec


class Order:
    """The order of the training samples: an epoch is a permutation from (seed, epoch), less its incomplete last batch.

    Global batch s takes the next `batch` samples of it, and replica v of them its slice of `norm_batch`.
    """

    def __init__(self, spec: RunSpec, samples: int) -> None:
        recipe = spec.recipe
        if recipe.batch > samples:
            raise DataError(f"batch {recipe.batch} is larger than the {samples} training samples of {spec.dataset}")
        self.samples = samples
        self.seed = spec.seed
        self.batch = recipe.batch
        self.norm_batch = recipe.norm_batch
        self.steps_per_epoch = samples // recipe.batch

    def batches(self, start: int, replicas: range, steps: int) -> Iterator[tuple[int, int, Tensor]]:
        """(step, replica, indices) for each step in start..steps-1 and each replica; indices: (norm_batch,) int64."""
        epoch, permutation = -1, torch.empty(0, dtype=torch.int64)
        for step in range(start, steps):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                permutation = self._permutation(epoch)
            first = step % self.steps_per_epoch * self.batch
            for replica in replicas:
                begin = first + replica * self.norm_batch
                yield step, replica, permutation[begin : begin + self.norm_batch]

    def _permutation(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive(self.seed, "order", epoch))
        return torch.randperm(self.samples, generator=generator)


def share(samples: int, rank: int, world: int) -> range:
    """The samples that `rank` of `world` evaluates: no sample twice, none left out, sizes at most one apart."""
    return range(rank, samples, world)
