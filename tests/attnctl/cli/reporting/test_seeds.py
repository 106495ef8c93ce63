"""The plan of seeds from the index, with the commands that train them."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.reporting.seeds import Plan, Question, as_typed, plan
from attnctl.db import open_index
from attnctl.grid import Axes, expand
from attnctl.values import SpecError, split_seeds
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import specs, sweep, table, train

VALUES = {"none": (90.0, 90.8, 90.3), "ela": (90.6, 91.1, 91.2)}


def planned(workspace: Workspace, target: str | None, *, width: float | None = None) -> Plan:
    with open_index(workspace) as index:
        index.refresh()
        return plan(index, Question(target=target, width=width or 0.2, gap=None, by_width=width is not None))


def test_the_command_of_a_sweep_is_typed_with_more_seeds(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    made = expand(Axes(modules=("none", "ela"), seeds=("0", "1", "2"))).specs
    for spec in made:
        train(workspace, spec, VALUES[spec.module][spec.seed])
    command = ("sweep", "none,ela", "--seed", "0..2", "--name", "three")
    sweep(workspace, "three", list(made), command=command)
    found = planned(workspace, "three", width=0.3)
    count = len(found.seeds)
    assert found.seeds == tuple(range(count))
    assert found.runs == 2 * (count - 3)
    assert found.commands == (f"attnctl sweep none,ela --name three --seed 0..{count - 1}",)
    assert found.hours is None  # these runs have no times
    wide = planned(workspace, None, width=50.0)
    assert (wide.runs, wide.commands) == (0, ())


def test_a_papers_table_is_trained_with_the_missing_seeds(tmp_path: Path) -> None:
    workspace, ean2 = Workspace(tmp_path), table("ean:2")
    made = [spec for row in ("ResNet50", "ResNet50+SE") for spec in specs(ean2, row, ("0", "1"))]
    for spec, value in zip(made, (77.0, 77.5, 78.0, 78.4), strict=True):
        train(workspace, spec, value)
    sweep(workspace, "ean-2", made, ean2)
    found = planned(workspace, "ean:2", width=2.0)
    assert found.commands
    assert all(command.startswith("attnctl sweep --paper ean --table 2") for command in found.commands)
    assert any(f"--seed {','.join(map(str, found.seeds[2:]))}" in command for command in found.commands)


def test_single_seeds_cannot_be_planned(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    made = expand(Axes(modules=("none", "ela"))).specs
    for spec in made:
        train(workspace, spec, 90.0)
    sweep(workspace, "one", list(made))
    with pytest.raises(SpecError, match="train two seeds first, such as --seed 0,1"):
        planned(workspace, "one")


def test_seeds_are_typed_as_the_option_reads_them() -> None:
    assert as_typed((0, 1, 2, 3, 7, 9, 10)) == "0..3,7,9,10"
    assert split_seeds(as_typed((4, 0, 1, 2))) == ("0", "1", "2", "4")
