"""Learning rates, optimizers and averaged weights."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnctl import attention
from attnctl.jobs.training.optim import AveragedWeights, learning_rate, optimizer, set_rate
from attnctl.spec import Recipe
from attnctl.values import SpecError
from tests.jobs.training.training_workers import make_spec


def recipe(**overrides: Any) -> Recipe:
    return make_spec(**overrides).recipe


YOLOX: dict[str, Any] = {
    "schedule": "cosine",
    "epochs": 10,
    "warmup_epochs": 2.0,
    "min_lr_ratio": 0.05,
    "no_aug_epochs": 2,
}


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
        ({"schedule": "cosine", "epochs": 10, "warmup_epochs": 2.0, "warmup_power": 2.0}, 4, 0.1 / 16),
        ({"schedule": "cosine", "epochs": 10, "warmup_epochs": 2.0, "warmup_power": 2.0}, 19, 0.1),
        ({"schedule": "cosine", "epochs": 10, "warmup_epochs": 0.0, "min_lr_ratio": 0.05}, 50, 0.005 + 0.095 / 2),
        ({"schedule": "cosine", "epochs": 10, "warmup_epochs": 0.0, "no_aug_epochs": 2}, 50, 0.05),
        ({"schedule": "multistep", "milestones": "9", "warmup_epochs": 2.0, "warmup_factor": 0.25}, 0, 0.025),
        ({"schedule": "multistep", "milestones": "9", "warmup_epochs": 2.0, "warmup_factor": 0.25}, 10, 0.0625),
        ({"schedule": "multistep", "milestones": "9", "warmup_epochs": 2.0, "warmup_factor": 0.25}, 20, 0.1),
        (YOLOX, 20, 0.1),
        (YOLOX, 50, 0.005 + 0.095 / 2),
        (YOLOX, 79, 0.005 + 0.095 * 0.5 * (1 + math.cos(math.pi * 59 / 60))),
        (YOLOX, 80, 0.005),
        (YOLOX, 99, 0.005),
        ({"schedule": "poly", "steps": 100, "warmup_steps": 0, "min_lr_ratio": 0.2}, 75, 0.02 + 0.08 * 0.25**0.9),
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


class _Detector(nn.Module):
    """A network with a backbone, a norm and a head."""

    body_prefix = "backbone.body."

    def __init__(self) -> None:
        super().__init__()
        body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.backbone = nn.ModuleDict({"body": body, "fpn": nn.Conv2d(4, 4, 1)})
        self.head = nn.Linear(4, 2)


def moved(network: nn.Module, **overrides: Any) -> dict[str, Tensor]:
    """How far one step of SGD at rate 0.5, with gradients of one, moves each parameter towards zero."""
    network = copy.deepcopy(network).double()
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    steps = optimizer(recipe(momentum=0.0, **overrides), network)
    set_rate(steps, 0.5)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    steps.step()
    return {name: before[name] - parameter.detach() for name, parameter in network.named_parameters()}


def assert_steps(network: nn.Module, expected: dict[str, tuple[float, float]], **overrides: Any) -> None:
    """That each parameter moves by rate * (1 + decay * itself). expected: name -> (rate, decay)."""
    weights = {name: parameter.detach().double() for name, parameter in network.named_parameters()}
    for name, step in moved(network, **overrides).items():
        rate, decay = expected[name]
        torch.testing.assert_close(step, rate * (1 + decay * weights[name]), msg=name)


@pytest.mark.parametrize(
    ("overrides", "norms", "biases"),
    [
        ({}, 0.1, 0.1),
        ({"decay_norms": False}, 0.0, 0.0),
        ({"decay_norms": False, "decay_biases": True}, 0.0, 0.1),
        ({"decay_biases": False}, 0.1, 0.0),
    ],
)
def test_a_step_decays_norms_and_biases_as_the_recipe_says(
    overrides: dict[str, Any], norms: float, biases: float
) -> None:
    expected = {
        "backbone.body.0.weight": (0.5, 0.1),
        "backbone.body.0.bias": (0.5, biases),
        "backbone.body.1.weight": (0.5, norms),
        "backbone.body.1.bias": (0.5, norms),
        "backbone.fpn.weight": (0.5, 0.1),
        "backbone.fpn.bias": (0.5, biases),
        "head.weight": (0.5, 0.1),
        "head.bias": (0.5, biases),
    }
    assert_steps(_Detector(), expected, weight_decay=0.1, **overrides)


def test_a_step_moves_the_backbone_by_its_factor_and_other_parameters_by_their_patterns() -> None:
    expected = {
        "backbone.body.0.weight": (0.05, 0.1),
        "backbone.body.0.bias": (0.05, 0.1),
        "backbone.body.1.weight": (0.025, 0.0),
        "backbone.body.1.bias": (0.025, 0.0),
        "backbone.fpn.weight": (0.5, 0.1),
        "backbone.fpn.bias": (0.5, 0.1),
        "head.weight": (5.0, 0.1),
        "head.bias": (5.0, 0.1),
    }
    groups = "*.body.1.*:lr=0.5+weight_decay=0;head.*:lr=10"
    assert_steps(_Detector(), expected, weight_decay=0.1, backbone_lr=0.1, param_groups=groups)


def test_the_offset_of_an_attention_norm_is_no_bias_of_a_layer() -> None:
    network = nn.Sequential(attention.create("gn", 4, num_groups=2), nn.Linear(4, 2))
    expected = {"0.weight": (0.5, 0.0), "0.bias": (0.5, 0.0), "1.weight": (0.5, 0.1), "1.bias": (0.5, 0.1)}
    assert_steps(network, expected, weight_decay=0.1, decay_norms=False, decay_biases=True)


def test_a_group_without_parameters_is_refused() -> None:
    with pytest.raises(SpecError, match=r"no parameter that trains is called 'haed\.\*'"):
        optimizer(recipe(param_groups="haed.*:lr=10"), _Detector())


def test_factors_survive_a_checkpoint_and_one_from_before_they_existed_has_none() -> None:
    network = _Detector()
    saved = optimizer(recipe(backbone_lr=0.1), network)
    resumed = optimizer(recipe(backbone_lr=0.1), network)
    resumed.load_state_dict(saved.state_dict())
    set_rate(resumed, 2.0)
    assert [group["lr"] for group in resumed.param_groups] == [2.0, 0.2]
    plain = optimizer(recipe(), network)
    assert set(plain.param_groups[0]) == set(torch.optim.SGD(network.parameters(), lr=1.0, fused=True).param_groups[0])
