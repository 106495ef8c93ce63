"""Learning rates, optimizers and averaged weights."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from attnctl.jobs.training.optim import AveragedWeights, learning_rate, optimizer
from attnctl.spec import Recipe
from tests.jobs.training.training_workers import make_spec


def recipe(**overrides: Any) -> Recipe:
    return make_spec(**overrides).recipe


@pytest.mark.parametrize(
    ("overrides", "step", "expected"),
    [
        ({"schedule": "constant", "warmup_epochs": 0.0}, 99, 0.1),
        ({"schedule": "cosine", "warmup_epochs": 0.0, "epochs": 10}, 0, 0.1),
        ({"schedule": "cosine", "warmup_epochs": 0.0, "epochs": 10}, 50, 0.05),
        ({"schedule": "cosine", "warmup_epochs": 0.0, "epochs": 10}, 99, 0.05 * (1 + math.cos(math.pi * 0.99))),
        ({"schedule": "cosine", "warmup_epochs": 2.0, "epochs": 10}, 0, 0.1 / 20),
        ({"schedule": "cosine", "warmup_epochs": 2.0, "epochs": 10}, 19, 0.1),
        ({"schedule": "cosine", "warmup_epochs": 2.0, "epochs": 10}, 60, 0.05),
        ({"schedule": "step", "step_epochs": 3, "lr_gamma": 0.5, "warmup_epochs": 0.0}, 29, 0.1),
        ({"schedule": "step", "step_epochs": 3, "lr_gamma": 0.5, "warmup_epochs": 0.0}, 30, 0.05),
        ({"schedule": "step", "step_epochs": 3, "lr_gamma": 0.5, "warmup_epochs": 0.0}, 95, 0.1 / 8),
        ({"schedule": "multistep", "milestones": "2+5", "warmup_epochs": 0.0}, 19, 0.1),
        ({"schedule": "multistep", "milestones": "2+5", "warmup_epochs": 0.0}, 20, 0.01),
        ({"schedule": "multistep", "milestones": "2+5", "warmup_epochs": 0.0}, 50, 0.001),
        ({"schedule": "multistep", "milestones": "2+5", "warmup_epochs": 0.5}, 2, 0.06),
        ({"schedule": "multistep", "milestones": "20+51", "steps": 60, "warmup_steps": 4}, 2, 0.075),
        ({"schedule": "multistep", "milestones": "20+51", "steps": 60, "warmup_steps": 4}, 19, 0.1),
        ({"schedule": "multistep", "milestones": "20+51", "steps": 60, "warmup_steps": 4}, 50, 0.01),
        ({"schedule": "multistep", "milestones": "20+51", "steps": 60, "warmup_steps": 4}, 51, 0.001),
        ({"schedule": "cosine", "steps": 105, "warmup_steps": 5}, 55, 0.05),
        ({"schedule": "poly", "steps": 105, "warmup_steps": 5}, 5, 0.1),
        ({"schedule": "poly", "steps": 105, "warmup_steps": 5}, 80, 0.1 * 0.25**0.9),
        ({"schedule": "poly", "power": 2.0, "epochs": 10, "warmup_epochs": 0.0}, 75, 0.1 / 16),
    ],
)
def test_the_learning_rate_matches_its_closed_form(overrides: dict[str, Any], step: int, expected: float) -> None:
    assert learning_rate(recipe(**overrides), step, steps_per_epoch=10) == pytest.approx(expected, rel=1e-12)


def test_a_warm_up_longer_than_the_run_only_rises() -> None:
    rates = [learning_rate(recipe(epochs=1, warmup_epochs=2.0), step, 10) for step in range(10)]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.05)


def test_averaged_weights_follow_their_recurrence() -> None:
    network = nn.BatchNorm1d(3).double()
    averaged = AveragedWeights(network, decay=0.5)
    expected = network.weight.detach().clone()
    for step in range(20):
        with torch.no_grad():
            network.weight.fill_(step)
            assert network.num_batches_tracked is not None
        network.num_batches_tracked.fill_(step)
        averaged.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.weight.detach()
    assert torch.allclose(averaged.network.weight, expected, rtol=1e-14)  # type: ignore[arg-type]
    assert averaged.network.num_batches_tracked == 19


def test_optimizers_use_the_values_of_the_recipe() -> None:
    network = nn.Linear(2, 2)
    adamw = optimizer(recipe(optimizer="adamw", momentum=0.8, weight_decay=0.05), network)
    assert (adamw.defaults["betas"], adamw.defaults["weight_decay"]) == ((0.8, 0.999), 0.05)
    sgd = optimizer(recipe(momentum=0.0, nesterov=True), network)
    assert (sgd.defaults["momentum"], sgd.defaults["nesterov"]) == (0.0, False)


def test_biases_and_norms_can_be_excluded_from_weight_decay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    (alike,) = optimizer(recipe(weight_decay=0.05), network).param_groups
    assert (len(alike["params"]), alike["weight_decay"]) == (4, 0.05)
    decayed, others = optimizer(recipe(weight_decay=0.05, decay_norms=False), network).param_groups
    assert (len(decayed["params"]), decayed["weight_decay"]) == (1, 0.05)
    assert (len(others["params"]), others["weight_decay"]) == (3, 0.0)
