"""Which samples are in a batch: a pure function of (seed, step, replica), for any start and number of processes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.seeding import derive
from attnctl.spec import RunSpec


class Order:
    """The order of the training samples. An epoch is a permutation from (seed, epoch) without an incomplete last batch.

    Each global batch takes the next `batch` samples of it; replica v takes the v-th `norm_batch` of these. With
    repeated augmentation (Hoffer et al., 2020; Berman et al., MultiGrain, 2019) an epoch has each of its samples
    `repeats` times, and replica v of V takes every V-th sample of the batch from the v-th on.
    """

    def __init__(self, spec: RunSpec, samples: int) -> None:
        recipe = spec.recipe
        if recipe.batch > samples:
            raise DataError(f"batch={recipe.batch} is larger than the {samples} training samples of {spec.dataset}")
        self.samples = samples
        self.seed = spec.seed
        self.batch = recipe.batch
        self.norm_batch = recipe.norm_batch
        self.steps_per_epoch = samples // recipe.batch
        self._repeats, self._replicas = recipe.repeats, recipe.replicas

    def batches(self, start: int, replicas: range, steps: int) -> Iterator[tuple[int, int, Tensor]]:
        """Yield (step, replica, indices) for each step in start..steps-1; indices: (norm_batch,) int64."""
        epoch, permutation = -1, torch.empty(0, dtype=torch.int64)
        for step in range(start, steps):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                permutation = self._permutation(epoch)
            first = step % self.steps_per_epoch * self.batch
            for replica in replicas:
                if self._repeats > 1:  # the copies of an image stand side by side: they go to different replicas
                    yield step, replica, permutation[first + replica : first + self.batch : self._replicas]
                    continue
                begin = first + replica * self.norm_batch
                yield step, replica, permutation[begin : begin + self.norm_batch]

    def _permutation(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive(self.seed, "order", epoch))
        permutation = torch.randperm(self.samples, generator=generator)
        if self._repeats == 1:
            return permutation
        return permutation[: -(-self.samples // self._repeats)].repeat_interleave(self._repeats)[: self.samples]


def share(samples: int, rank: int, world: int) -> range:
    """The samples that `rank` evaluates: each sample belongs to one rank, and the shares differ by at most one."""
    return range(rank, samples, world)
