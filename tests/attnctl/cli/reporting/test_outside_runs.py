"""Runs that are in no row of a paper's table are named, with the reason and what to type."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from attnctl.cli.reporting.request import Request, gather
from attnctl.db import open_index
from attnctl.grid import Axes, expand
from attnctl.papers.runs import Overrides
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run
from tests.reports.report_workspace import changed, specs, sweep, table, train

EAN2 = table("ean:2")
TRAINS_THE_ROWS = "`attnctl sweep --table ean:2` trains the rows of the table"


def notes(workspace: Workspace, name: str = "ean:2") -> Sequence[str]:
    with open_index(workspace) as index:
        index.refresh()
        return gather(index, Request(table=name)).notes


def modules(*names: str) -> list[RunSpec]:
    """Runs of these modules in resnet20 on digits."""
    return expand(Axes(modules=names)).specs


def test_a_sweep_of_a_module_is_named_with_its_data_set_and_the_tables(folder: Path, attnctl: Run) -> None:
    tiny = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "256")
    assert attnctl("sweep", "ela", "--kernel", "5,7", "--name", "kernels", *tiny, "--run-on", "local").code == 0
    result = attnctl("report", "--table", "3")
    assert result.err.splitlines()[1:] == [
        "2 runs (sweep kernels) are in no row of ela:3: they train resnet20 on digits, and the rows train "
        "yolox_nano cspdarknet_nano on voc07",
        "`attnctl report kernels` shows them; `attnctl sweep --table ela:3` trains the rows of the table",
    ]
    shown = attnctl("report", "kernels").out
    assert "ELA (k = 5)" in shown
    assert "ELA (k = 7)" in shown
    assert attnctl("sweep", "--table", "ela:3", "--dry-run").code == 0


def test_another_recipe_is_told_by_its_fields(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN2, "ResNet56+SE")
    train(workspace, changed(spec, epochs=3), 50.0)
    epochs = spec.recipe.epochs
    assert notes(workspace) == [
        f"1 run is in no row of ean:2: its recipe differs from the rows' (epochs=3 instead of {epochs})",
        f"`attnctl report` shows it; {TRAINS_THE_ROWS}",
    ]


def test_other_networks_and_other_recipes_have_a_line_each(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN2, "ResNet56+SE")
    other = changed(spec, epochs=3)
    digits = modules("se", "ela")
    for run in (other, *digits):
        train(workspace, run, 50.0)
    sweep(workspace, "first", digits, created=1.0)
    sweep(workspace, "second one", [other, digits[0]], created=2.0)
    assert [words.partition(":")[0] for words in notes(workspace)[:2]] == [
        "2 runs (sweeps second one, first) are in no row of ean",
        "1 run (sweep second one) is in no row of ean",
    ]
    assert notes(workspace)[2] == f"`attnctl report 'second one'` shows them; {TRAINS_THE_ROWS}"


def test_once_the_table_has_a_run_only_its_own_modules_are_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN2, "ResNet56+SE")
    train(workspace, spec, 70.0)
    assert notes(workspace) == []
    for run in modules("none", "ela"):
        train(workspace, run, 50.0)
    assert notes(workspace) == []
    for run in modules("ean"):
        train(workspace, run, 50.0)
    first, second = notes(workspace)
    assert first.startswith("1 run is in no row of ean:2: it trains resnet20 on digits, and the rows train ")
    assert second == f"`attnctl report` shows it; {TRAINS_THE_ROWS}"


def test_runs_of_another_tables_sweep_are_not_named_beside_those_of_the_table(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN2, "ResNet56+SE")
    ean1 = table("ean:1")
    others = specs(ean1, "MobileNetV2+SE", dataset="digits")
    for run in (spec, *others):
        train(workspace, run, 70.0)
    assert len(notes(workspace)) == 2
    sweep(workspace, "of-table-1", others, ean1, Overrides(dataset="digits"))
    assert notes(workspace) == []


def test_rows_below_the_table_are_not_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN2, "ResNet56+SE")
    train(workspace, spec, 70.0)
    train(workspace, dataclasses.replace(spec, placement="stage"), 71.0)
    assert notes(workspace) == []


def test_a_table_that_is_computed_says_so(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert notes(workspace, "nam:3") == []
    train(workspace, modules("nam")[0], 70.0)
    assert notes(workspace, "nam:3") == [
        "the numbers of nam:3 are computed, not trained; `attnctl report` shows the runs here"
    ]
