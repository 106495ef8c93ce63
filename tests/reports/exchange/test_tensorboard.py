"""Runs as TensorBoard's event files, read back by TensorBoard."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from attnctl.grid import Axes, expand
from attnctl.lifecycle.run_history import Histories
from attnctl.reports.exchange import names, tensorboard
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.exchange_cases import NOW, spec, write_attempt


def test_each_run_is_a_folder_with_its_values_at_their_steps_and_times(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    write_attempt(workspace, spec(), 1, {10: 50.0, 20: 61.5}, nonce="a")
    tensorboard.check()
    tensorboard.write(tmp_path / "board", [Histories(workspace).read(spec().id)])
    (folder,) = (tmp_path / "board").iterdir()
    assert folder.name == names.folder(spec())
    found = EventAccumulator(str(folder)).Reload()
    assert [(item.step, item.value, item.wall_time) for item in found.Scalars("top1")] == [
        (10, 50.0, NOW + 10),
        (20, 61.5, NOW + 20),
    ]
    assert [item.value for item in found.Scalars("epoch")] == [1, 2]


def test_settings_include_everything_and_hyperparameters_carry_the_module_name() -> None:
    (run,) = expand(Axes(modules=("ela",), hyperparameters={"kernel": ("5",)}, seeds=("3",))).specs
    found = tensorboard.settings(run)
    assert (found["ela.kernel"], found["seed"], found["backbone"], found["lr"]) == (5, 3, "resnet20", run.recipe.lr)
    assert {field.name for field in dataclasses.fields(run.recipe)} <= found.keys()
    assert None not in found.values(), "TensorBoard has no such value"
