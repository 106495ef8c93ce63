"""A joint forward of several replicas equals separate ones: statistics, random draws, running statistics."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from attnctl import attention, backbones
from attnctl.jobs.training import drop_path
from attnctl.jobs.training.joint_check import is_known
from attnctl.jobs.training.joint_forward import JointForward
from attnctl.jobs.training.replicas import RunningStatistics, seed_forward
from attnctl.networks import surgery
from attnctl.networks.complexity import Cell
from attnctl.networks.complexity.build import build_on_meta
from tests.attnctl.backbones.built import BUILT

CPU = torch.device("cpu")
REPLICAS, SIZE = 3, 4
SEED = partial(seed_forward, 5, 7)
FITTING: dict[str, list[dict[str, Any]]] = {"gn": [{"num_groups": 8}], "sge": [{"G": 8}]}
"""Hyperparameters of modules whose defaults do not fit 16 channels."""
OTHER: dict[str, list[dict[str, Any]]] = {
    "an": [{"norm": "sn"}, {"form": "released"}],
    "nam": [{"gates": "both"}, {"gates": "spatial"}],
    "sn": [{"form": "released"}],
}
"""More hyperparameters that change what couples the images of a batch."""


def images(channels: int = 3, side: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(REPLICAS * SIZE, channels, side, side, dtype=torch.float64, generator=generator)


def hold(network: nn.Module, given: Tensor, replicas: range = range(REPLICAS)) -> None:
    """Outputs, gradients and buffers of a joint forward are those of separate ones."""
    joint, alone = network.double().train(), copy.deepcopy(network)
    statistics, expected = RunningStatistics(alone), []
    for replica, part in zip(replicas, given.chunk(REPLICAS), strict=True):
        SEED(replica)
        statistics.track(replica == 0)
        expected.append(alone(part))
        expected[-1].square().mean().backward()
    with JointForward(joint, CPU).of(replicas, SEED):
        found = joint(given)
        (REPLICAS * found.square().mean()).backward()
    close(found, torch.cat(expected))
    for mine, theirs in zip(joint.parameters(), alone.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None)
        if mine.grad is not None and theirs.grad is not None:
            close(mine.grad, theirs.grad)
    for buffer, other in zip(joint.buffers(), alone.buffers(), strict=True):
        close(buffer, other)
    assert not any("forward" in vars(module) for module in joint.modules()), "the network is left as it was"


def close(found: Tensor, expected: Tensor) -> None:
    scale = max(1.0, expected.detach().abs().max().item())
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-12 * scale)


@pytest.mark.parametrize("module", attention.names())
def test_a_module_gives_what_separate_forwards_give(module: str) -> None:
    torch.manual_seed(0)
    for hyperparameters in (*FITTING.get(module, [{}]), *OTHER.get(module, [])):
        made = attention.create(module, 64, (8, 8), **hyperparameters)
        hold(nn.Sequential(nn.Conv2d(16, 64, 1), made), images(16, 8))


@pytest.mark.parametrize("backbone", ["resnet20", "mobilenext", "shufflenet_v2_cifar"])
def test_a_backbone_gives_what_separate_forwards_give(backbone: str) -> None:
    torch.manual_seed(0)
    hold(backbones.build(backbone, 5), images())


@pytest.mark.parametrize("replicas", [range(REPLICAS), range(REPLICAS, 2 * REPLICAS)])
def test_random_draws_are_those_of_each_replica(replicas: range) -> None:
    """Only the part with replica 0 updates running statistics."""

    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
            self.hooked, self.depth = nn.Identity(), StochasticDepth(0.5, "row")

        def forward(self, x: Tensor) -> Tensor:
            return x + self.depth(self.hooked(self.norm(self.conv(x))))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    network = nn.Sequential(nn.Dropout(0.3), Branch(), Branch(), nn.Dropout2d(0.2), nn.Flatten(), nn.Linear(768, 5))
    drop_path.attach(network, ["1.hooked", "2.hooked"], 0.5)
    hold(network, images(), replicas)


def test_the_code_of_every_convolutional_backbone_is_known() -> None:
    """Transformers have functions that may draw random numbers: each replica has a forward of its own."""
    transformers = {"vision_transformer", "swin", "maxvit"}
    for name in [name for name in BUILT if backbones.describe(name).family not in transformers]:
        network = build_on_meta(Cell(model="", backbone=name, classes=5, size=backbones.describe(name).input))
        unknown = {type(module) for module in network.modules() if not is_known(module)}
        assert not unknown, name


def test_a_networks_own_penalty_is_that_of_its_weights() -> None:
    torch.manual_seed(0)
    network = attention.create("nam", 16, (8, 8))
    before = surgery.extra_loss(network)
    with JointForward(network, CPU).of(range(REPLICAS), SEED):
        network.double()(images(16, 8))
        after = surgery.extra_loss(network)
    assert before is not None
    assert after is not None
    torch.testing.assert_close(after, before.double())
