"""The pure parts of training: schedule, averaged weights, signals' meaning, blame, agreement's pace."""

import math
import signal

import pytest
import torch
from torch import nn

from attnctl.jobs.runtime.rendezvous import RendezvousError
from attnctl.jobs.training import environment
from attnctl.jobs.training.failure import Diverged, Superseded, classify
from attnctl.jobs.training.optim import AveragedWeights, learning_rate, optimizer
from attnctl.jobs.training.pace import INTERVAL, Cadence, Meter
from attnctl.jobs.training.replicas import share
from attnctl.jobs.training.signals import outcome_of
from attnctl.spec import Recipe
from attnctl.values import Scalar, SpecError
from attnctl.workspace.records import Resources
from tests.jobs.training.training_workers import make_spec


def recipe(**overrides: Scalar) -> Recipe:
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
def test_the_learning_rate_is_the_closed_form(overrides: dict[str, Scalar], step: int, expected: float) -> None:
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
            network.num_batches_tracked.fill_(step)
        averaged.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.weight.detach()
    assert torch.allclose(averaged.network.weight, expected, rtol=1e-14)  # type: ignore[arg-type]
    assert averaged.network.num_batches_tracked == 19


def test_optimizers_take_the_recipes_values() -> None:
    network = nn.Linear(2, 2)
    adamw = optimizer(recipe(optimizer="adamw", momentum=0.8, weight_decay=0.05), network)
    assert (adamw.defaults["betas"], adamw.defaults["weight_decay"]) == ((0.8, 0.999), 0.05)
    sgd = optimizer(recipe(momentum=0.0, nesterov=True), network)
    assert (sgd.defaults["momentum"], sgd.defaults["nesterov"]) == (0.0, False)


def test_biases_and_norms_can_be_left_out_of_the_decay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    (alike,) = optimizer(recipe(weight_decay=0.05), network).param_groups
    assert (len(alike["params"]), alike["weight_decay"]) == (4, 0.05)
    decayed, others = optimizer(recipe(weight_decay=0.05, decay_norms=False), network).param_groups
    assert (len(decayed["params"]), decayed["weight_decay"]) == (1, 0.05)
    assert (len(others["params"]), others["weight_decay"]) == (3, 0.0)


def test_replicas_are_shared_without_gap_or_overlap() -> None:
    for world in (1, 2, 4):
        shares = [share(recipe(), rank, world) for rank in range(world)]
        assert [replica for part in shares for replica in part] == [0, 1, 2, 3]
    with pytest.raises(SpecError, match="worlds that fit: 1, 2, 4"):
        share(recipe(), 0, 3)


@pytest.mark.parametrize(
    ("number", "on_slurm", "end", "cancelled", "expected"),
    [
        (signal.SIGTERM, False, None, False, "interrupted"),
        (signal.SIGINT, True, None, False, "interrupted"),
        (signal.SIGTERM, True, None, True, "interrupted"),
        (signal.SIGTERM, True, None, False, "preempted"),
        (signal.SIGUSR2, True, 5000.0, False, "preempted"),
        (signal.SIGUSR2, True, 1100.0, False, "timeout"),
        (signal.SIGTERM, True, 990.0, False, "timeout"),
    ],
)
def test_what_a_signal_means(number: int, on_slurm: bool, end: float | None, cancelled: bool, expected: str) -> None:
    assert outcome_of(number, on_slurm=on_slurm, end=end, cancelled=cancelled, now=1000.0) == expected


@pytest.mark.parametrize(
    ("error", "outcome", "secondary"),
    [
        (Diverged("nan"), "diverged", False),
        (Superseded("later"), "superseded", False),
        (SpecError("no such file"), "error", False),
        (torch.OutOfMemoryError("CUDA out of memory"), "cuda out of memory", False),
        (MemoryError(), "out of memory", False),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out of memory", False),
        (RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1"), "error", True),
        (RendezvousError("rank 1 did not arrive"), "error", True),
        (torch.distributed.DistBackendError("NCCL error"), "error", True),
        (RuntimeError("shape mismatch"), "error", False),
        (ValueError("the store is closed"), "error", False),
    ],
)
def test_an_exception_becomes_an_outcome_and_a_blame(error: Exception, outcome: str, secondary: bool) -> None:
    failure = classify(error)
    assert (failure.outcome, failure.secondary) == (outcome, secondary)


def test_agreements_come_about_every_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("attnctl.jobs.training.pace.time.monotonic", lambda: now)
    cadence, step, gaps = Cadence(), 0, []
    for _ in range(12):
        wait = cadence.propose(step)
        gaps.append(wait)
        step, now = step + wait, now + wait * 0.01
    assert gaps[:3] == [1, 2, 4]
    assert gaps[-1] == round(INTERVAL / 0.01)
    now += 100
    assert cadence.propose(step + 1) == 1


def test_the_meter_tells_loss_and_speed_since_the_last_lap(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10.0
    monkeypatch.setattr("attnctl.jobs.training.pace.time.monotonic", lambda: now)
    meter = Meter()
    meter.restart(5, losses=7.0)
    now += 0.5
    assert meter.lap(6, 8.0) is None
    now += 1.5
    assert meter.lap(9, 15.0) == (2.0, 2.0)
    assert meter.speed(9) == 2.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_was_asked_for_and_is_not_there_is_an_error() -> None:
    assert environment.choose_device(Resources(), 0).type == "cpu"
    assert environment.choose_device(Resources(gpus_per_node=2, device="cpu"), 0).type == "cpu"
    for resources in (Resources(gpus_per_node=1), Resources(device="cuda")):
        with pytest.raises(SpecError, match="asked for a GPU, but torch"):
            environment.choose_device(resources, 0)
