"""The report of a search from the index, with the commands that train its winners."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attnctl.cli.reporting.request import Gathered, Request, gather
from attnctl.db import open_index
from attnctl.files import write_atomic
from attnctl.reports.selection import Options, Pivot
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.reports.report_workspace import train
from tests.reports.search_cases import axes, searched

COMMAND = ["sweep", "se,ela", "--lr", "log:1e-3..1e-1", "--samples", "2"]


@pytest.fixture
def specs(tmp_path: Path) -> list[RunSpec]:
    """The runs of a search that was asked for."""
    search, found = searched(axes("se", "ela"), 2)
    record = Sweep(name="mine", created=1.0, command=COMMAND, runs=[spec.id for spec in found], search=search)
    write_atomic(Workspace(tmp_path).sweep("mine"), record.encode())
    return found


def gathered(folder: Path, *, missing: bool = True, **options: Any) -> Gathered:
    with open_index(Workspace(folder)) as index:
        index.refresh()
        request = Request(sweeps=("mine",), missing=missing, options=replace(Options(), **options))
        return gather(index, request)


def test_a_search_is_typed_again_until_all_samples_have_ended(tmp_path: Path, specs: list[RunSpec]) -> None:
    for spec in specs[:3]:
        train(Workspace(tmp_path), spec, 80.0)
    found = gathered(tmp_path)
    assert found.missing == [shlex.join(["attnctl", *COMMAND, "--name", "mine"])]
    assert found.report.table.title == "Search mine"
    assert found.report.table.label == "tab:mine"


def test_the_winners_are_trained_on_all_images_by_the_commands(tmp_path: Path, specs: list[RunSpec]) -> None:
    workspace = Workspace(tmp_path)
    for spec, value in zip(specs, (60.0, 71.0, 80.0, 70.0), strict=True):
        train(workspace, spec, value)
    se, ela = gathered(tmp_path).missing
    rate = f"{specs[2].recipe.lr:g}"
    assert se.startswith("attnctl sweep se ")
    assert f"--lr {rate} --seed 0,1,2 --name mine-winners" in se
    assert "val-split" not in se + ela
    assert f"-p ela.kernel={dict(specs[1].hyperparameters)['kernel']} " in ela
    again = replace(specs[2], recipe=replace(specs[2].recipe, val_split=0.0))
    for seed in (0, 1):
        train(workspace, replace(again, seed=seed), 50.0 + 2 * seed)
    found = gathered(tmp_path)
    assert "--seed 2 --name mine-winners" in found.missing[0]
    at = [column.name for column in found.report.table.columns].index("top1.test")
    cell = found.report.table.groups[0].rows[0].cells[at]
    assert (cell.value, cell.n) == (51.0, 2)
    assert found.notes == (), "the commands are printed already"
    assert gathered(tmp_path, missing=False).notes == (
        "`attnctl report mine --missing` prints the commands that train what is missing",
    )
    assert set(found.report.runs()) == {row.id for row in found.rows}, "a lock and a page are of these runs"
    assert len(gathered(tmp_path, seeds=(0,)).missing) == 1, "ELA's winner alone has no run of seed 0"


def test_a_report_without_a_name_is_of_the_only_sweep_and_a_search_too(tmp_path: Path, specs: list[RunSpec]) -> None:
    for spec in specs:
        train(Workspace(tmp_path), spec, 80.0)
    with open_index(Workspace(tmp_path)) as index:
        index.refresh()
        assert gather(index, Request()).report.table.title == "Search mine"


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"pivot": Pivot(axis="backbone")}, "--pivot"),
        ({"sort": "top1"}, "--sort"),
        ({"rows": ("se",)}, "--rows"),
        ({"statistics": True}, "--statistics"),
        ({"unpaired": True}, "--unpaired"),
    ],
)
def test_options_of_comparisons_are_refused(
    options: dict[str, Any], option: str, tmp_path: Path, specs: list[RunSpec]
) -> None:
    train(Workspace(tmp_path), specs[0], 80.0)
    with pytest.raises(SpecError, match=f"{option} is for a comparison"):
        gathered(tmp_path, **options)
