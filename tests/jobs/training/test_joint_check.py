"""How many replicas share a forward: what fits, of code that treats each image alone."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from attnctl import backbones
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.jobs.training import joint_check
from attnctl.jobs.training.joint_check import Together, together
from tests.jobs.training.training_workers import make_spec

CPU = torch.device("cpu")


def batches(size: int = 4) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(size, 3, 8, 8, generator=generator), torch.randint(4, (size,))) for _ in range(2)]


def decide(network: nn.Module, replicas: int = 4, **recipe: Any) -> Together:
    spec = make_spec(batch=16, norm_batch=4, **recipe)

    def task(arithmetic: Arithmetic) -> Classify:
        return Classify(spec.recipe, arithmetic, spec.versions.recipe)

    return together(spec, network.train(), batches(), task, Arithmetic.of(spec.recipe, CPU), replicas)


class Network(nn.Module):
    """Of other code, so that it is tried. The subclasses change `inner`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Linear(6, 4)
        self.drop = nn.Dropout(0.3)
        self.register_buffer("seen", torch.zeros(()))
        self.forwards = 0

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(self.norm(self.conv(x)).relu())
        return self.fc(self.drop(x.mean((2, 3))))  # type: ignore[no-any-return]

    def inner(self, x: Tensor) -> Tensor:
        return x


class Gated(Network):
    def inner(self, x: Tensor) -> Tensor:
        return x * x.mean((2, 3), keepdim=True).sigmoid()


class OverBatch(Network):
    def inner(self, x: Tensor) -> Tensor:
        return x * x.mean((0, 2, 3), keepdim=True).sigmoid()


class OwnNorm(Network):
    def inner(self, x: Tensor) -> Tensor:
        return functional.batch_norm(x, None, None, training=True)


class Draws(Network):
    def inner(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.5)


class DrawsInPython(Network):
    def inner(self, x: Tensor) -> Tensor:
        return x if random.random() < 2 else -x


class DrawsInNumpy(Network):
    def inner(self, x: Tensor) -> Tensor:
        return x if np.random.rand() < 2 else -x


class Counts(Network):
    def inner(self, x: Tensor) -> Tensor:
        self.forwards += 1
        return x


class CountsInBuffer(Network):
    def inner(self, x: Tensor) -> Tensor:
        self.get_buffer("seen").add_(1)
        return x


class Recomputes(Network):
    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(super().forward, x, use_reentrant=False)


class Fails(Network):
    def inner(self, x: Tensor) -> Tensor:
        if len(x) != 4:
            raise OSError("this batch is new to me")
        return x


@pytest.mark.parametrize("kind", [Network, Gated])
def test_code_that_treats_each_image_alone_shares_a_forward(kind: type[Network]) -> None:
    assert decide(kind()) == Together(4)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (OverBatch, "depend on each other"),
        (OwnNorm, "depend on each other"),
        (Recomputes, "depend on each other|draws random numbers"),
        (Draws, "draws random numbers"),
        (DrawsInPython, "draws random numbers"),
        (DrawsInNumpy, "draws random numbers"),
        (Counts, "keeps numbers from forward to forward"),
        (CountsInBuffer, "the buffer of seen would differ"),
        (Fails, "trying it failed: OSError: this batch is new to me"),
    ],
)
def test_other_code_has_separate_forwards_with_the_reason(kind: type[Network], reason: str) -> None:
    found = decide(kind())
    assert found.size == 1
    assert re.search(reason, found.reason), found


def test_the_network_is_not_changed() -> None:
    network = Network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    decide(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None and parameter.dtype == torch.float32 for parameter in network.parameters())


def test_as_many_replicas_share_a_forward_as_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    network = backbones.build("resnet20", 4)
    assert decide(network, 8) == Together(8)
    monkeypatch.setattr(joint_check, "CPU_MEMORY", 3 << 20)
    some = decide(network, 8)
    assert 1 < some.size < 8
    assert "in memory for the backward pass, more than 3" in some.reason
    monkeypatch.setattr(joint_check, "CPU_MEMORY", 1)
    assert decide(network).size == 1


def test_a_compiled_network_has_separate_forwards() -> None:
    assert decide(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), compile=True) == Together(
        1, "the network is compiled"
    )


def test_a_users_loss_is_tried_too() -> None:
    """Also around a network of known code."""
    spec = make_spec(batch=16, norm_batch=4)
    spec = dataclasses.replace(spec, versions=dataclasses.replace(spec.versions, recipe="loss=ast:0"))

    class Own(Classify):
        def losses(self, network: nn.Module, batch: tuple[Tensor, Tensor], rows: Tensor) -> Tensor:
            return super().losses(network, batch, rows) * torch.rand(()).double()

    def task(arithmetic: Arithmetic) -> Classify:
        return Own(spec.recipe, arithmetic)

    found = together(spec, backbones.build("resnet20", 4), batches(), task, Arithmetic.of(spec.recipe, CPU), 4)
    assert found == Together(1, "the network or its loss draws random numbers")
