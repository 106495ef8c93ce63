"""Modules with running statistics or a penalty give the same network in one process and in several."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed import FileStore  # type: ignore[attr-defined]
from torch.nn import functional

from attnctl import attention
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training import checkpoint
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.loop import train
from attnctl.networks import surgery
from attnctl.spec import RunSpec
from attnctl.workspace.layout import RunDir
from tests.jobs.training.training_workers import SERVER, exit_codes
from tests.jobs.training.worlds import CLASSES, Data, make_run

PENALTY = 0.125


def make_network() -> nn.Module:
    """Every norm that the modules bring along, and NAM's penalty on both its gates."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),  # 5x5 images become 3x3 maps
        attention.create("sn", 8),
        nn.ReLU(),
        attention.create("nam", 8, (3, 3), gates="both", penalty=PENALTY),
        attention.create("bam", 8, r=2),
        attention.create("srm", 8),
        attention.create("an", 8, K=3, norm="sn"),
        attention.create("an", 8, K=3, form="released"),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    ).double()


def rank_of_world(folder: Path, spec: RunSpec, rank: int, world: int) -> None:
    torch.set_num_threads(1)
    store = FileStore(str(folder / "store"), world) if world > 1 else None
    group = Group(rank, world, torch.device("cpu"), store)
    torch.manual_seed(0)
    run = RunDir(folder / "run", folder / "run/checkpoints")
    context = TrainingContext(run=run, token=(1, 0))
    assert train(spec, Data(spec), make_network(), group, context, dtype=torch.float64) == "completed"
    group.close()


def train_in(folder: Path, spec: RunSpec, world: int) -> dict[str, Any]:
    folder.mkdir()
    ranks = [SERVER.Process(target=rank_of_world, args=(folder, spec, rank, world)) for rank in range(world)]
    for process in ranks:
        process.start()
    assert exit_codes(list(ranks)) == [0] * world
    run = RunDir(folder / "run", folder / "run/checkpoints")
    state: dict[str, Any] = checkpoint.load(checkpoint.stored(run)[0], run)["network"]
    return state


@pytest.fixture(scope="module")
def step() -> RunSpec:
    """One step of plain SGD over 40 samples, in four forwards of 10."""
    plain: dict[str, Any] = {
        "clip_grad_norm": 0.0,
        "ema_decay": 0.0,
        "momentum": 0.0,
        "nesterov": False,
        "weight_decay": 0.0,
    }
    spec = make_run(**plain, schedule="constant", warmup_epochs=0.0, batch=40, norm_batch=10)
    return dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, epochs=1))


def test_worlds_agree_on_switchable_norms_and_penalties(tmp_path: Path) -> None:
    spec = make_run(lr=0.01)
    one, two = (train_in(tmp_path / str(world), spec, world) for world in (1, 2))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-11, msg=name)
    torch.manual_seed(0)
    start = make_network().state_dict()
    moved = [name for name in one if "running" in name and not torch.equal(one[name], start[name])]
    assert len(moved) == len([name for name in one if "running" in name])


@pytest.mark.parametrize("world", [1, 2])
def test_nams_penalty_counts_once_per_step_for_any_number_of_processes(
    tmp_path: Path, step: RunSpec, world: int
) -> None:
    """Against the written-out first step: the gradient of the forwards' mean loss, and the penalty's slope once."""
    torch.manual_seed(0)
    network = make_network().train()
    found = train_in(tmp_path / "run", step, world)
    data = Data(step)
    batches = zip(data.images[:40].double().split(10), data.labels[:40].split(10), strict=True)
    losses = [functional.cross_entropy(network(x), y, label_smoothing=0.1) for x, y in batches]
    torch.stack(losses).mean().backward()
    penalty = surgery.extra_loss(network)
    scales = [network[3].channel.weight, network[3].spatial.weight]  # type: ignore[index]
    assert penalty is not None
    torch.testing.assert_close(penalty, PENALTY * sum(scale.abs().sum() for scale in scales))
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        slope = parameter.grad + (PENALTY * parameter.sign() if any(parameter is s for s in scales) else 0)
        expected = parameter.detach() - step.recipe.lr * slope
        torch.testing.assert_close(found[name], expected.detach(), rtol=0, atol=1e-12, msg=name)
