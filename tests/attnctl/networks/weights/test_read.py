"""Weights in the files of many tools are read, without running code of the file, or the message says what is in it."""

from __future__ import annotations

import argparse
import datetime
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from attnctl.networks.weights.read import read
from attnctl.values import SpecError


def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict()


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value for name, value in weights().items()}


class Options(dict[str, Any]):
    """As EasyDict and yacs: a dict whose class only the training script has."""


FILES: dict[str, Callable[[], Any]] = {
    "plain": weights,
    "Namespace": lambda: {"state_dict": weights(), "args": argparse.Namespace(lr=0.1, data=Path("/x"))},
    "numpy scalar": lambda: {"model": weights(), "best": np.float64(0.3), "last": np.float32(2)},
    "numpy array": lambda: {"model": weights(), "losses": np.zeros(3)},
    "date and options": lambda: {"model": weights(), "at": datetime.datetime(2020, 1, 1), "cfg": Options(a=1)},
    "net": lambda: {"net": weights(), "acc": 91.0},
    "ema": lambda: {"state_dict_ema": weights()},
    "averaged": lambda: {"model_ema": {"n_averaged": torch.tensor(3), **prefixed("module.")}},
    "compiled": lambda: prefixed("_orig_mod."),
    "lightning": lambda: {"state_dict": prefixed("model.")},
    "both": lambda: {"model": prefixed("module._orig_mod.")},
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_the_weights_of_many_tools_are_read(make: Callable[[], Any], zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(make(), path, _use_new_zipfile_serialization=zipped)
    found = read(path)
    assert found.keys() == weights().keys()
    assert all(torch.equal(found[name], value) for name, value in weights().items())
    shapes = read(path, shapes_only=True)
    assert {name: value.shape for name, value in shapes.items()} == {name: v.shape for name, v in found.items()}


def test_the_current_weights_go_before_their_average(tmp_path: Path) -> None:
    average = {name: value + 1 for name, value in weights().items()}
    torch.save({"state_dict": weights(), "state_dict_ema": average}, tmp_path / "a.pth")
    assert torch.equal(read(tmp_path / "a.pth")["0.weight"], weights()["0.weight"])


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this code ran",))


def test_no_code_of_a_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": weights(), "x": Hostile()}, tmp_path / "a.pth")
    assert read(tmp_path / "a.pth").keys() == weights().keys()
    assert capsys.readouterr().out == ""


class Whole(nn.Module):
    """A class that only the training script has."""


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "whole network": (lambda: {"model": Whole(), "epoch": 3}, "it holds an object of tests.attnctl."),
    "object": (Whole, "it holds an object of tests.attnctl.networks.weights.test_read.Whole, which needs "),
    "other keys": (lambda: {"generator": 1, "critic": 2}, "its keys are 'generator', 'critic'"),
    "many keys": (lambda: {str(number): number for number in range(12)}, "'7' and 4 more"),
    "list": (lambda: [1, 2], "it holds a list"),
    "nothing": (dict, "it is empty"),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_a_file_without_weights_is_described(make: Callable[[], Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(make(), path)
    with pytest.raises(SpecError) as caught:
        read(path)
    words = str(caught.value)
    assert words.startswith(f"{path} does not contain a state_dict (a mapping of names to tensors): ")
    assert said in words
    assert words.isprintable()


def safetensors(path: Path, tensors: dict[str, Tensor], kind: str = "F32") -> None:
    """A file as safetensors writes it."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in tensors.items():
        part = tensor.numpy().tobytes()
        dtype = "I64" if tensor.dtype == torch.int64 else kind
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_safetensors_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors(path, prefixed("model."))
    found = read(path)
    assert found.keys() == weights().keys()
    for name, value in weights().items():
        assert (found[name].dtype, torch.equal(found[name], value)) == (value.dtype, True), name
    assert read(path, shapes_only=True)["0.weight"].is_meta


def test_a_safetensors_file_that_lacks_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors(path, weights())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SpecError, match=r"its header describes no tensor at '1\.num_batches_tracked'"):
        read(path)
    safetensors(path, {})
    with pytest.raises(SpecError, match="has no tensors"):
        read(path)


def test_old_names_of_vision_transformers_are_those_of_today(tmp_path: Path) -> None:
    """torchvision's published files have them; its own module renames them while it loads."""
    network = VisionTransformer(16, 8, num_layers=2, num_heads=1, hidden_dim=4, mlp_dim=6, num_classes=3)
    old = {
        re.sub(r"mlp\.([03])\.", lambda match: f"mlp.linear_{1 + int(match[1]) // 3}.", name): value
        for name, value in network.state_dict().items()
    }
    assert "encoder.layers.encoder_layer_1.mlp.linear_2.bias" in old
    torch.save(old, tmp_path / "vit.pth")
    network.load_state_dict(read(tmp_path / "vit.pth"))
