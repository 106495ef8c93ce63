"""The process that counts what loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from attnctl import backbones, grid
from attnctl.networks.weights.__main__ import answer, build
from attnctl.spec import RunSpec


def spec_of(module: str, **axes: Any) -> RunSpec:
    (spec,) = grid.expand(grid.Axes(modules=(module,), **axes)).specs
    return spec


def test_networks_are_built_without_numbers(tmp_path: Path) -> None:
    network = build(spec_of("ean", backbones=("resnet18",)), tmp_path)
    assert all(tensor.is_meta for tensor in network.state_dict().values())


def test_each_request_is_answered_by_itself(tmp_path: Path) -> None:
    torch.save(backbones.build("resnet20", 100).state_dict(), tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(b"")
    run = replace(spec_of("none", backbones=("resnet20",)), init="file:00")
    asked = {
        name: {"spec": run.to_json(), "origin": {"name": name, "base": None, "file": str(tmp_path / name)}}
        for name in ("a.pth", "b.pth")
    }
    found = answer(asked, tmp_path)
    assert found["a.pth"] == {"loaded": 126, "total": 128, "words": "", "refusal": ""}
    assert found["b.pth"] == {"refusal": f"cannot load weights from {tmp_path / 'b.pth'}: it is empty"}


def test_attention_that_would_be_frozen_at_random_is_refused_even_if_partial_loads_are_accepted(tmp_path: Path) -> None:
    base = spec_of("none", backbones=("resnet18",))
    axes = {"models": ("fasterrcnn",), "datasets": ("digits-det",), "overrides": {"norms": ("frozen",)}}
    detector = spec_of("se", backbones=("resnet18",), **axes)
    run = replace(detector, init=f"run:{base.id}+partial")
    origin = {"name": "the base", "base": base.to_json(), "file": None}
    found = answer({"x": {"spec": run.to_json(), "origin": origin}}, tmp_path)["x"]
    words = "the base leaves tensors random that this network freezes: backbone.body.layer1."
    assert found["refusal"].startswith(words)
