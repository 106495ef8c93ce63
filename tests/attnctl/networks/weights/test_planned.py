"""What loads is counted without torch in the planner, once for all seeds, and kept."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from attnctl import backbones, grid
from attnctl.networks.weights.planned import Origin, count
from attnctl.sources import isolated
from attnctl.spec import RunSpec

DIGEST = "0" * 64


def specs(*modules: str, init: str = f"file:{DIGEST}", **axes: Any) -> list[RunSpec]:
    found = grid.expand(grid.Axes(modules=modules, backbones=("resnet20",), **axes)).specs
    return [replace(spec, init=init) for spec in found]


def test_what_a_file_has_is_counted_for_each_network(tmp_path: Path) -> None:
    torch.save(backbones.build("resnet20", 10).state_dict(), tmp_path / "a.pth")
    origin = {f"file:{DIGEST}": Origin(name="a.pth", file=tmp_path / "a.pth", digest="test what a file has")}
    runs = specs("none", "se", seeds=("0", "1"))
    found = count(runs, origin)
    assert found.keys() == {spec.id for spec in runs}
    assert {(item.loaded, item.words, item.refusal) for item in found.values()} == {(128, "", "")}
    assert {found[spec.id].total for spec in runs if spec.module == "none"} == {128}


def test_a_base_is_compared_by_its_spec_and_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    (base,) = specs("se", init="")
    (run,) = specs("none", init=f"run:{base.id}")
    origins = {run.init: Origin(name="the base", base=base)}
    found = count([run], origins)[run.id]
    assert found.refusal.startswith("the base does not fit this network: 128 of 128 tensors load; not in this network:")
    monkeypatch.setattr(isolated, "ask", None)
    assert count([run], origins)[run.id] == found


def test_the_planner_does_not_import_torch() -> None:
    code = "import sys; from attnctl.networks.weights import planned; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
