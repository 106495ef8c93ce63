"""Measured speeds of real trainings and of trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attnctl.cost.model import CostModel
from attnctl.cost.observations import observations
from attnctl.cost.shapes import Machine
from attnctl.db import open_index
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Trial
from tests.attnctl.cost.measured import spec


def trained_spec(module: str, **recipe: str) -> RunSpec:
    """As the runs of `trained`, or with other recipe values."""
    fields = {"epochs": "1", "input_size": "8", "batch": "256", "norm_batch": "128"} | recipe
    return expand(Axes(modules=(module,), overrides={name: (value,) for name, value in fields.items()})).specs[0]


def test_trained_shapes_are_measured_and_longer_runs_of_them_cost_more(trained: Path) -> None:
    workspace = Workspace(trained)
    assert observations(workspace) == [], "there is no index yet, and none is made"
    with open_index(workspace) as index:
        index.refresh()
        found = observations(workspace, index)
    assert found == observations(workspace)
    assert {item.shape.module for item in found} == {"none", "ela"}
    for item in found:
        assert item.machine.device == "cpu"
        assert item.seconds is not None
        assert item.evaluation_seconds is not None
    model = CostModel(found)
    machine = found[0].machine
    for item in found:
        one = model.estimate(trained_spec(item.shape.module), machine)
        ten = model.estimate(trained_spec(item.shape.module, epochs="10"), machine)
        assert one is not None
        assert ten is not None
        assert one.kind == "measured"
        assert one.likely == pytest.approx(item.seconds, rel=0.01), "the only run of its shape is predicted exactly"
        assert ten.likely == pytest.approx(10 * one.likely, rel=0.01)
    other = model.estimate(trained_spec("se"), machine)
    assert other is not None
    assert other.kind == "scaled"
    assert "resnet20 (" in other.source


def test_a_trial_is_an_observation_and_a_damaged_one_is_skipped(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    common: dict[str, Any] = {"host": "n1", "device": "cpu", "threads": 2, "world": 1, "images_per_s": 500.0}
    trial = Trial.decode(Trial(at=5.0, spec=spec().to_json(), **common).encode())
    write_atomic(workspace.trial(spec().id, trial), trial.encode())
    write_atomic(workspace.trials_folder / "damaged.json", b"{")
    write_atomic(workspace.trials_folder / "other.json", Trial(at=6.0, spec={"module": "x"}, **common).encode())
    (found,) = observations(workspace)
    assert (found.kind, found.run, found.image_seconds) == ("trial", spec().id, 1 / 500)
    assert found.machine == Machine(threads=2)
