"""Which replicas of a batch a rank computes."""

import random
from typing import Any

import numpy as np
import pytest
import torch

from attnctl.jobs.training.replicas import seed_forward, share
from attnctl.spec import Recipe
from attnctl.values import SpecError
from tests.jobs.training.training_workers import make_spec


def recipe(**overrides: Any) -> Recipe:
    return make_spec(**overrides).recipe


def test_users_code_draws_the_same_numbers_again_in_a_resumed_run() -> None:
    def drawn(step: int, replica: int) -> tuple[float, float, float]:
        seed_forward(3, step, replica)
        return random.random(), np.random.rand(), torch.rand(()).item()

    first = drawn(5, 1)
    others = [drawn(5, 0), drawn(6, 1)]
    assert drawn(5, 1) == first
    assert all(one != other for item in others for one, other in zip(item, first, strict=True))


def test_every_replica_belongs_to_exactly_one_process() -> None:
    for world in (1, 2, 4):
        shares = [share(recipe(), rank, world) for rank in range(world)]
        assert [replica for part in shares for replica in part] == [0, 1, 2, 3]
    with pytest.raises(SpecError, match="worlds that fit: 1, 2, 4"):
        share(recipe(), 0, 3)
