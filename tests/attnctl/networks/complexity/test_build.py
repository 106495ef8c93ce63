"""Networks to count: on the meta device where that works, really built where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attnctl.networks.complexity.build import build, build_and_count, build_on_meta
from attnctl.networks.complexity.cells import Cell, cell
from attnctl.values import SpecError

READS_VALUES = """
from torch import nn


class Reads(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 10)

    def forward(self, x):
        x = self.conv(x)
        if x.mean().item() > 1e9:
            raise RuntimeError("never")
        return self.fc(x.mean((2, 3)))


def build(classes):
    return Reads()
"""


def devices(network: Cell) -> set[str]:
    return {tensor.device.type for tensor in build_on_meta(network).parameters()}


def test_a_network_is_built_on_the_meta_device() -> None:
    network = cell("se", {}, "resnet20", "block", "cifar10")
    assert devices(network) == {"meta"}
    assert torch.get_default_device().type == "cpu"
    assert {tensor.device.type for tensor in build(network).parameters()} == {"cpu"}


def test_a_module_alone_is_built_for_its_channels() -> None:
    network = Cell(module="se", hyperparameters=(("r", 4),), channels=16, size=8)
    shapes = {tuple(tensor.shape) for tensor in build(network).parameters()}
    assert {(4, 16), (16, 4)} <= {shape[:2] for shape in shapes}


def test_a_network_that_reads_values_is_counted_on_the_cpu(tmp_path: Path) -> None:
    file = tmp_path / "reads.py"
    file.write_text(READS_VALUES)
    network = cell("none", {}, f"{file}:build", "", "digits")
    found = build_and_count(network, memory=False)
    assert found.parameters == (3 * 4 * 9 + 4) + (4 * 10 + 10)
    assert found.macs == (network.size - 2) ** 2 * 3 * 4 * 9 + 4 * 10
    assert found.activation_bytes is None


def test_an_invalid_setting_does_not_cause_a_second_build() -> None:
    network = Cell(module="se", backbone="resnet20", placement="nowhere", classes=10, size=32)
    for builder in (build, build_on_meta):
        with pytest.raises(SpecError, match="nowhere"):
            builder(network)
    with pytest.raises(SpecError, match="nowhere"):
        build_and_count(network, memory=True)
