"""Networks as ONNX files: their outputs are the network's, for any number of images."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import Tensor, nn

from attnctl.networks.weights import onnx_file
from attnctl.networks.weights.onnx_file import Agreement
from attnctl.values import SpecError

SHAPE = (3, 8, 8)
needs_onnx = pytest.mark.skipif(importlib.util.find_spec("onnxscript") is None, reason="onnx is not installed")


class Gated(nn.Module):
    """A small network with attention."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.gate = nn.Conv1d(4, 4, 5, padding=2, groups=4)
        self.head = nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        x = self.norm(self.conv(images)).relu()
        x = x * self.gate(x.mean(3)).sigmoid().unsqueeze(3)
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class Branches(Gated):
    """A network that ONNX cannot hold, because its path depends on the values."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images if images.sum() > 0 else -images)


@needs_onnx
def test_the_outputs_of_the_file_are_those_of_the_network() -> None:
    import onnx

    torch.manual_seed(0)
    network = Gated().eval()
    content = onnx_file.convert(network, SHAPE, {"attnctl.run": "3fa2"}, run="3fa2")
    model = onnx.load_model_from_string(content)
    assert {item.key: item.value for item in model.metadata_props}["attnctl.run"] == "3fa2"
    assert [item.name for item in model.graph.input] == [onnx_file.INPUT]
    assert [item.name for item in model.graph.output] == [onnx_file.OUTPUT]
    found = onnx_file.compare(content, network, SHAPE)
    assert found.close
    assert found.largest > 0
    with torch.no_grad():
        network.head.bias.add_(1)
    other = onnx_file.compare(content, network, SHAPE)
    assert other.difference == pytest.approx(1, abs=1e-3)
    assert not other.close


@needs_onnx
def test_a_network_that_onnx_cannot_hold_is_one_line() -> None:
    with pytest.raises(SpecError, match=r"^cannot convert the network of run 3fa2 to ONNX: .") as caught:
        onnx_file.convert(Branches(), SHAPE, {}, run="3fa2")
    assert "\n" not in str(caught.value)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SpecError, match=r"^ONNX files need onnx, onnxscript: pip install onnx onnxscript onnxruntime$"):
        onnx_file.convert(nn.Identity(), SHAPE, {}, run="3fa2")


def test_rounding_is_not_a_difference() -> None:
    assert Agreement(1e-5, 2.0, "onnx").close
    assert not Agreement(0.1, 2.0, "onnx").close
