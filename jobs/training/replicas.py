"""Virtual replicas: a step's batch as V forwards of norm_batch samples each, whatever the number of processes.

BatchNorm makes the samples per forward a part of the result, so the spec fixes them, and worlds 1, 2 and 4 differ only
in who computes which forward: process `rank` runs the V / world replicas from rank * V / world. Replica 0 alone
updates running statistics, so that those too are the same for every world.
"""

from __future__ import annotations

import torch
from torch import nn

from attnctl.jobs.data.seeding import derive
from attnctl.spec import Recipe


def share(recipe: Recipe, rank: int, world: int) -> range:
    """The replicas of a process; raises SpecError when `world` does not divide them."""
    recipe.check_world(world)
    count = recipe.replicas // world
    return range(rank * count, (rank + 1) * count)


class RunningStatistics:
    """Lets one replica's forward update the running statistics of a network's norms, and no other's."""

    def __init__(self, network: nn.Module) -> None:
        self._norms = [module for module in network.modules() if getattr(module, "track_running_stats", False) is True]
        self._tracking = True

    def track(self, wanted: bool) -> None:
        """Whether the next forward in training mode updates them. Must be on before an evaluation."""
        if wanted != self._tracking:
            for module in self._norms:
                module.track_running_stats = wanted  # type: ignore[assignment]
            self._tracking = wanted


def seed_forward(seed: int, step: int, replica: int) -> None:
    """Seed what a forward may draw (dropout): from the run's seed, the step and the replica alone."""
    number = derive(seed, "forward", step, replica)
    # What torch.manual_seed does, without the 0.3 ms in which it queues the seed for devices that are not there.
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed(number)
