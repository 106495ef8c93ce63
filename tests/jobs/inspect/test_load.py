"""Trained networks are built again with the weights that they ended with."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from attnctl.jobs.inspect import load
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.jobs.training import checkpoint, evaluation
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.conftest import Train
from tests.jobs.inspect.two_steps import TwoSteps


def test_a_rebuilt_network_evaluates_as_in_its_training(trained: Train, workspace: Workspace) -> None:
    for module in ("none", "ean"):
        found = trained(module)
        run = workspace.run(found.run)
        state = checkpoint.load(checkpoint.stored(run)[0], run)
        data = TwoSteps(found.spec)
        group = Group(0, 1, torch.device("cpu"))
        task = Classify(found.spec.recipe, Arithmetic.of(found.spec.recipe, group.device))
        values = evaluation.evaluate(task, found.network, data, group)
        assert values["top1"] == state["best"]["top1"]
        assert (found.step, found.size, found.skipped) == (state["step"], 16, ())
        assert not any(getattr(part, "inplace", False) for part in found.network.modules())
        assert not found.network.training


def test_averaged_weights_are_loaded(trained: Train, workspace: Workspace) -> None:
    found = trained("none", fields={"ema_decay": ("0.5",)})
    run = workspace.run(found.run)
    state = checkpoint.load(checkpoint.stored(run)[0], run)
    weight = found.network.get_parameter("conv1.weight" if "conv1.weight" in state["network"] else "conv.weight")
    name = next(key for key, value in state["averaged"].items() if value.shape == weight.shape)
    assert torch.equal(weight, state["averaged"][name])
    assert not torch.equal(weight, state["network"][name])


def test_users_own_modules_are_built_from_the_kept_sources(trained: Train, own_file: Path) -> None:
    found = trained(f"{own_file}:Gate")
    own_file.unlink()
    again = load.load(Workspace(found.sources.parent), found.run, torch.device("cpu"))
    assert any(type(part).__name__ == "Gate" for part in again.network.modules())


def test_a_damaged_checkpoint_is_skipped_and_reported(trained: Train, workspace: Workspace) -> None:
    found = trained("none")
    run = workspace.run(found.run)
    (good,) = checkpoint.stored(run)
    newer = run.checkpoints / "99-2.0.pt"
    newer.write_bytes(good.read_bytes()[:-100])
    try:
        again = load.load(workspace, found.run, torch.device("cpu"))
        assert again.step == found.step
        assert len(again.skipped) == 1
        assert "99-2.0.pt" in again.skipped[0]
        good.rename(good.with_suffix(".away"))
        with pytest.raises(SpecError, match=r"has no checkpoint: .*99-2\.0\.pt"):
            load.load(workspace, found.run, torch.device("cpu"))
    finally:
        newer.unlink()
        good.with_suffix(".away").rename(good)


def test_a_missing_gpu_is_an_error() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert load.choose("auto") == torch.device("cpu")
    with pytest.raises(SpecError, match="--device cpu"):
        load.choose("cuda")


def test_another_runs_weights_are_refused(trained: Train, workspace: Workspace, tmp_path: Path) -> None:
    found = trained("none")
    spec = dataclasses.replace(found.spec, seed=5)
    run = workspace.run(spec.id)
    run.spec.parent.mkdir(parents=True)
    run.spec.write_text(spec.canonical())
    run.checkpoints.mkdir()
    (good,) = checkpoint.stored(workspace.run(found.run))
    (run.checkpoints / good.name).write_bytes(good.read_bytes())
    with pytest.raises(SpecError, match=f"belongs to run {found.run}"):
        load.load(workspace, spec.id, torch.device("cpu"))
