"""A network in training on one rank: gradients, updates, and the state of a checkpoint."""

from __future__ import annotations

import copy
import dataclasses
from functools import partial
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.jobs.training.learner import Learner, has_other_code
from attnctl.jobs.training.replicas import seed_forward
from tests.jobs.training.training_workers import make_spec

CPU = torch.device("cpu")


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc = nn.BatchNorm2d(3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.fc(self.norm(x).mean((2, 3)))
        return found


class Penalised(Network):
    def extra_loss(self) -> Tensor:
        return 0.5 * self.fc.weight.abs().sum()


def learner(kind: type[Network] = Network, **fields: Any) -> Learner:
    torch.manual_seed(0)
    plain = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "lr": 0.1, "label_smoothing": 0.0}
    recipe = dataclasses.replace(make_spec().recipe, **{**plain, **fields})
    arithmetic = Arithmetic.of(recipe, CPU)
    return Learner(recipe, Classify(recipe, arithmetic), kind(), Group(0, 1, CPU), arithmetic)


def batches(count: int = 2) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(4, 3, 5, 5, generator=generator), torch.tensor([0, 1, 2, 3])) for _ in range(count)]


def step(
    found: Learner, number: int = 0, given: list[tuple[Tensor, Tensor]] | None = None, *, together: bool = False
) -> Tensor:
    """One optimizer step over a batch for each replica, in a forward each or `together`; the sums that were counted."""
    given = given or batches()
    rows = torch.zeros(len(given), 2, dtype=torch.float64)
    every = range(len(given))
    for replicas in [every] if together else [every[number : number + 1] for number in every]:
        part = given[replicas.start : replicas.stop]
        found.backward(part, rows, replicas, every, partial(seed_forward, 0, number))
    found.update(number)
    return rows


@pytest.mark.parametrize("together", [False, True])
def test_a_step_uses_the_mean_gradient_of_all_replicas(together: bool) -> None:
    found = learner()
    expected = copy.deepcopy(found.network)
    for images, labels in batches():
        (nn.functional.cross_entropy(expected(images), labels) / 2).backward()
    rows = step(found, together=together)
    for mine, theirs in zip(found.network.parameters(), expected.parameters(), strict=True):
        assert theirs.grad is not None
        torch.testing.assert_close(mine, theirs - 0.1 * theirs.grad)
        assert mine.grad is None, "the next step begins without"
    assert (rows[:, 0] > 0).all()


@pytest.mark.parametrize("together", [False, True])
def test_only_the_first_replica_updates_running_statistics(together: bool) -> None:
    found = learner()
    step(found, together=together)
    images = batches()[0][0]
    torch.testing.assert_close(found.network.get_buffer("norm.running_mean"), 0.1 * images.mean((0, 2, 3)))


def test_a_penalty_counts_once_per_step_for_any_number_of_replicas() -> None:
    for count, together in ((1, False), (2, False), (2, True)):
        without, penalised = learner(), learner(Penalised)
        weight = penalised.network.get_parameter("fc.weight").detach().clone()
        given = batches(1) * count
        step(without, given=given, together=together)
        step(penalised, given=given, together=together)
        difference = without.network.get_parameter("fc.weight") - penalised.network.get_parameter("fc.weight")
        torch.testing.assert_close(difference, 0.1 * 0.5 * weight.sign())


def test_gradients_are_clipped_to_clip_grad_norm() -> None:
    found = learner(clip_grad_norm=1e-3)
    before = [value.detach().clone() for value in found.network.parameters()]
    step(found)
    moved = torch.stack([(a - b).norm() for a, b in zip(before, found.network.parameters(), strict=True)]).norm()
    assert moved.item() == pytest.approx(0.1 * 1e-3, rel=1e-3)


class Partly(Network):
    """Has a layer that no forward uses, and one that only the second uses."""

    def __init__(self) -> None:
        super().__init__()
        self.left_over, self.later, self.forwards = nn.Linear(3, 3), nn.Linear(3, 3), 0

    def forward(self, x: Tensor) -> Tensor:
        self.forwards += 1
        return super().forward(self.later(x.movedim(1, -1)).movedim(-1, 1) if self.forwards > 1 else x)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_parameters_that_a_step_does_not_use_have_a_gradient_of_zero(optimizer: str) -> None:
    found = learner(Partly, optimizer=optimizer, weight_decay=0.5)
    before = copy.deepcopy(found.network.state_dict())
    for number in range(2):
        step(found, number, batches()[:1])
    after = found.network.state_dict()
    assert (after["left_over.weight"].abs() < before["left_over.weight"].abs()).all()  # weight decay applies
    assert not torch.equal(after["later.weight"], before["later.weight"])


def test_the_code_of_libraries_uses_all_parameters() -> None:
    assert has_other_code(Network())
    assert not has_other_code(nn.Sequential(nn.Linear(3, 3), torchvision.models.resnet18()))


def test_set_rate_sets_the_learning_rate_of_the_next_update() -> None:
    found = learner()
    before = found.network.get_parameter("fc.bias").detach().clone()
    found.set_rate(0.0)
    step(found)
    assert torch.equal(found.network.get_parameter("fc.bias"), before)


@pytest.mark.parametrize("fields", [{}, {"ema_decay": 0.5}, {"optimizer": "adamw"}])
def test_a_resumed_training_equals_an_uninterrupted_one(fields: dict[str, Any]) -> None:
    whole, cut, resumed = (learner(**fields) for _ in range(3))
    for number in range(3):
        step(whole, number)
    step(cut, 0)
    state = copy.deepcopy(cut.state(complete=False))
    assert not resumed.load(state), "the training was not complete"
    for number in (1, 2):
        step(resumed, number)
    for mine, theirs in zip(
        resumed.evaluated_network().state_dict().values(), whole.evaluated_network().state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_the_checkpoint_of_a_complete_training_contains_no_optimizer() -> None:
    found = learner(ema_decay=0.5)
    state = found.state(complete=True)
    assert state.keys() == {"network", "averaged"}
    assert learner(ema_decay=0.5).load(state)


def test_warming_up_changes_nothing() -> None:
    found = learner()
    before = {name: value.clone() for name, value in found.network.state_dict().items()}
    found.warm_up(batches(1)[0])
    assert all(torch.equal(value, before[name]) for name, value in found.network.state_dict().items())
    assert all(parameter.grad is None for parameter in found.network.parameters())


def test_averaged_weights_are_evaluated_if_there_are_any() -> None:
    assert learner(ema_decay=0.5).evaluated_network() is not learner(ema_decay=0.5).network
    plain = learner()
    assert plain.evaluated_network() is plain.network
