"""What loads is counted for the runs of a sweep, and told once for all seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from attnctl import backbones, grid
from attnctl.cli.sweeping.what_loads import count, notes
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

DIGEST = "5" * 64


def runs(init: str) -> list[RunSpec]:
    found = grid.expand(grid.Axes(modules=("none",), backbones=("resnet20",), seeds=("0", "1"))).specs
    return [replace(spec, init=init) for spec in found]


def part(folder: Path) -> Path:
    weights = backbones.build("resnet20", 10).state_dict()
    path = folder / "part.pth"
    torch.save({name: value for name, value in weights.items() if name != "conv1.weight"}, path)
    return path


def test_a_partial_load_is_told_once_for_all_seeds(tmp_path: Path) -> None:
    started = runs(f"file:{DIGEST}+partial")
    found = count(Workspace(tmp_path), started, {DIGEST: part(tmp_path)})
    words = "none resnet20 digits: 127 of 128 tensors load; missing: conv1.weight"
    assert notes(started, found) == [words]


def test_weights_that_do_not_fit_are_refused_by_the_users_name_for_them(tmp_path: Path) -> None:
    path = part(tmp_path)
    with pytest.raises(SpecError) as caught:
        count(Workspace(tmp_path), runs(f"file:{DIGEST}"), {DIGEST: path})
    assert str(caught.value) == (
        f"none resnet20 digits: {path} does not fit this network: 127 of 128 tensors load; missing: conv1.weight; "
        "--init-partial accepts that (and 1 more run)"
    )


def test_nothing_is_counted_for_runs_from_random_weights(tmp_path: Path) -> None:
    assert count(Workspace(tmp_path), runs(""), {}) == {}
