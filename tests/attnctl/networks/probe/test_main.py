"""The process of a probe: each kind of fault in people's own code, and its message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from attnctl import grid
from attnctl.networks import surgery
from attnctl.networks.probe.__main__ import answer, probe
from attnctl.sources import isolated
from attnctl.sources.store import is_own, keep
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from tests.attnctl.networks.probe.own_modules import GOOD, NOT_FINITE, PENALTY, RAISES, WRONG_SHAPE

NETWORKS = """
from torch import nn


def features(classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


def spec(folder: Path, **axes: Any) -> RunSpec:
    """The run of a request, whose files are kept as `isolated.ask` keeps them."""
    (run,) = grid.expand(grid.Axes(**axes)).specs
    for version in (run.versions.module, run.versions.backbone):
        if is_own(version):
            keep(str(version), folder / isolated.SOURCES)
    return run


def own(folder: Path, name: str) -> RunSpec:
    (folder / "gates.py").write_text(GOOD + NOT_FINITE + PENALTY + RAISES + WRONG_SHAPE)
    return spec(folder, modules=(f"{folder}/gates.py:{name}",))


def test_a_module_that_works_passes(tmp_path: Path) -> None:
    probe(own(tmp_path, "Good"), tmp_path / isolated.SOURCES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "WrongShape",
            "gates:WrongShape gives (2, 16, 16, 32) for a map (2, 16, 32, 32); it must keep the input's shape",
        ),
        ("NotFinite", "gates:NotFinite gives NaN or infinite values for a random map (2, 16, 32, 32)"),
        (
            "Penalty",
            "extra_loss() of Penalty gives (16, 16, 1, 1); it must be one finite number, a tensor without dimensions",
        ),
    ],
)
def test_each_fault_of_a_module_has_its_message(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        probe(own(tmp_path, name), tmp_path / isolated.SOURCES)
    assert str(error.value) == message


MADE_LATE = """
import torch
from torch import nn


class Made(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.w = None

    def forward(self, x):
        if self.w is None:
            self.w = nn.Parameter(torch.zeros(1, x.shape[1], x.shape[2], 1))
        return x * torch.sigmoid(self.w)


class Lazy(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.f = nn.LazyConv2d(channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.f(x))


class Cached(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.f, self.table = nn.Conv2d(channels, channels, 1), None

    def forward(self, x):
        if self.table is None:
            self.table = torch.linspace(0, 1, x.shape[-1])
        return x * torch.sigmoid(self.f(x * self.table))
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Made", r"^Made makes parameters or buffers in its forward: .*\.w, .*; make them in __init__ .*`map_size`"),
        ("Lazy", r"^LazyConv2d has parameters without a shape until its first forward: .*weight; give their sizes in"),
    ],
)
def test_parameters_that_the_first_forward_makes_are_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "late.py").write_text(MADE_LATE)
    with pytest.raises(SpecError, match=message):
        probe(spec(tmp_path, modules=(f"{tmp_path}/late.py:{name}",)), tmp_path / isolated.SOURCES)


def test_what_a_module_keeps_from_the_count_of_macs_can_be_trained_with(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(MADE_LATE)
    network = surgery.build(spec(tmp_path, modules=(f"{tmp_path}/late.py:Cached",)), tmp_path / isolated.SOURCES)
    surgery.complexity(network, (3, 32, 32))
    network.train()(torch.randn(2, 3, 32, 32)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_backbone_must_return_logits(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETWORKS)
    run = spec(tmp_path, modules=("none",), backbones=(f"{tmp_path}/nets.py:features",))
    with pytest.raises(SpecError, match=r"gives \(2, 4\) for 2 images; it must be logits \(2, 10\)"):
        probe(run, tmp_path / isolated.SOURCES)


def test_the_answer_has_a_message_for_each_network_that_fails(tmp_path: Path) -> None:
    runs = {name: own(tmp_path, name) for name in ("Good", "WrongShape", "Raises")}
    problems = answer({name: run.to_json() for name, run in runs.items()}, tmp_path)
    assert list(problems) == ["WrongShape", "Raises"]
    assert "it must keep the input's shape" in problems["WrongShape"]
    assert "RuntimeError" in problems["Raises"]
    assert "gates.py" in problems["Raises"]
