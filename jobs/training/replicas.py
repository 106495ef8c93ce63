"""Virtual replicas: a step's batch as V forwards of norm_batch samples each, whatever the number of processes.

With BatchNorm the number of samples per forward affects the result, so the spec fixes it. With 1, 2 or 4 processes the
same forwards are computed by different processes: process `rank` runs the V / world replicas from rank * V / world on.
Only replica 0 updates running statistics, so that they do not depend on the number of processes either.
"""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from attnctl.jobs.data.seeding import derive
from attnctl.spec import Recipe


def share(recipe: Recipe, rank: int, world: int) -> range:
    """The replicas of a process; raises SpecError if their number is not divisible by `world`."""
    recipe.check_world(world)
    count = recipe.replicas // world
    return range(rank * count, (rank + 1) * count)


class RunningStatistics:
    """Restricts updates of the running statistics to the forwards of one replica."""

    def __init__(self, network: nn.Module) -> None:
        self._norms = [module for module in network.modules() if getattr(module, "track_running_stats", False) is True]
        self._tracking = True

    def track(self, enabled: bool) -> None:
        """Whether forwards in training mode update them. Must be enabled before an evaluation."""
        if enabled != self._tracking:
            for module in self._norms:
                module.track_running_stats = enabled  # type: ignore[assignment]
            self._tracking = enabled


def seed_other_generators(number: int) -> None:
    """Seed the global generators of Python and numpy."""
    random.seed(number)
    np.random.seed(number % (1 << 32))


def seed_forward(seed: int, step: int, replica: int) -> None:
    """Seed the random operations of a forward (dropout) from the run's seed, the step and the replica only.

    Python's and numpy's generators too, which users' code may draw from: a resumed run draws the same numbers.
    """
    number = derive(seed, "forward", step, replica)
    seed_other_generators(number)
    # Like torch.manual_seed, without the 0.3 ms that it takes to queue the seed for devices that do not exist.
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed(number)
