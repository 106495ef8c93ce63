from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from attnctl.datasets import describe
from attnctl.jobs.data import digits
from attnctl.jobs.data.memory import Splits
from attnctl.spec import Recipe, RunSpec, Versions

MakeSpec = Callable[..., RunSpec]


@pytest.fixture(scope="session")
def make_spec() -> MakeSpec:
    """A spec for data: `make_spec(dataset="cifar10", seed=1, batch=8, norm_batch=4, augment="none")`."""
    base = Recipe(
        epochs=2,
        batch=16,
        norm_batch=4,
        optimizer="sgd",
        lr=0.1,
        momentum=0.9,
        weight_decay=0.0,
        schedule="constant",
        augment="none",
    )

    def make(dataset: str = "digits", seed: int = 0, **recipe: Any) -> RunSpec:
        return RunSpec(
            module="none",
            hyperparameters=(),
            backbone="resnet20",
            placement="block",
            dataset=dataset,
            recipe=dataclasses.replace(base, **recipe),
            seed=seed,
            versions=Versions(module="", backbone=1, placement=1, dataset=describe(dataset).run_version, loop=1),
        )

    return make


@pytest.fixture(scope="session")
def scans() -> Splits:
    """The digits, in their two parts."""
    return digits.load(describe("digits"))
