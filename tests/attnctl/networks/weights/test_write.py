"""Written weights are read again by torch, by safetensors itself where it is installed, and by attnctl."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from attnctl.networks.weights import write
from attnctl.networks.weights.read import read
from attnctl.values import SpecError

WEIGHTS = {
    "conv.weight": torch.arange(24, dtype=torch.float32).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last),
    "norm.num_batches_tracked": torch.tensor(7),
    "half": torch.tensor([1.5, -2.0, 3.0], dtype=torch.float16),
    "brain": torch.tensor([0.5], dtype=torch.bfloat16),
    "double": torch.tensor([[1.0]], dtype=torch.float64),
    "flag": torch.tensor([True, False, True]),
    "empty": torch.zeros(0, 4),
}


def assert_equal(found: dict[str, Tensor]) -> None:
    assert found.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape), name
        assert torch.equal(found[name], value), name


def test_a_safetensors_file_has_the_weights_and_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(write.safetensors(WEIGHTS, {"attnctl.run": "3fa2"}))
    assert_equal(read(path))
    if importlib.util.find_spec("safetensors") is not None:
        from safetensors import safe_open

        opened: Any = safe_open(str(path), "pt")
        with opened as file:
            assert_equal({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - it is no mapping
            assert file.metadata() == {"attnctl.run": "3fa2", "format": "pt"}


def test_a_type_that_safetensors_lacks_is_refused() -> None:
    with pytest.raises(SpecError, match=r"phase has the type torch\.complex64, which safetensors cannot hold"):
        write.safetensors({"phase": torch.zeros(2, dtype=torch.complex64)}, {})


def test_a_pt_file_is_a_plain_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(write.state_dict(WEIGHTS))
    assert_equal(torch.load(path, weights_only=True))
    assert_equal(read(path))
