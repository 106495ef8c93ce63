"""Which replicas of a batch a rank computes."""

from typing import Any

import pytest

from attnctl.jobs.training.replicas import share
from attnctl.spec import Recipe
from attnctl.values import SpecError
from tests.jobs.training.training_workers import make_spec


def recipe(**overrides: Any) -> Recipe:
    return make_spec(**overrides).recipe


def test_every_replica_belongs_to_exactly_one_process() -> None:
    for world in (1, 2, 4):
        shares = [share(recipe(), rank, world) for rank in range(world)]
        assert [replica for part in shares for replica in part] == [0, 1, 2, 3]
    with pytest.raises(SpecError, match="worlds that fit: 1, 2, 4"):
        share(recipe(), 0, 3)
