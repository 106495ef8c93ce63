"""What a report is of: a sweep's runs, all runs, or a paper's table, and what is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from attnctl.cli.reporting.request import Gathered, Request, gather, resolved
from attnctl.db import Index, open_index
from attnctl.grid import Axes, expand
from attnctl.papers.runs import Overrides
from attnctl.reports.selection import Options
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import specs, sweep, table, train

DIGITS = {"dataset": "digits", "backbone": "resnet20"}
EAN2 = table("ean:2")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """A workspace with two seeds of a row of EAN's table 2, trained on digits, and a sweep of modules beside it."""
    workspace = Workspace(tmp_path)
    overrides = Overrides(**DIGITS, seeds=("0", "1"))  # type: ignore[arg-type]
    one, two = specs(EAN2, "ResNet56", ("0", "1"), **DIGITS)
    train(workspace, one, 90.0)
    train(workspace, two, 91.0)
    sweep(workspace, "table", [one, two], EAN2, overrides)
    first, second = expand(Axes(modules=("se", "ela"))).specs
    train(workspace, first, 80.0)
    sweep(workspace, "modules", [first, second])
    with open_index(workspace) as found:
        found.refresh()
        yield found


def runs(gathered: Gathered) -> set[str]:
    return {row.id for row in gathered.rows}


def test_a_request_is_written_down_by_its_options() -> None:
    assert Request().words() == {}
    options = Options(rows=("a", "b"), seeds=(0, 1), epoch="best", sort="-top1")
    assert Request(table="ela:3", options=options).words() == {
        "--table": "ela:3",
        "--rows": "a,b",
        "--seed": "0,1",
        "--epoch": "best",
        "--sort": "-top1",
    }
    assert Request(sweeps=("first",)).words() == {"SWEEP": "first"}


def test_a_sweep_has_its_own_runs_and_without_a_name_all_are_compared(index: Index) -> None:
    (trained,) = runs(gather(index, Request(sweeps=("modules",))))
    everything = gather(index, Request())
    assert everything.report.table.title == "All runs of this workspace"
    assert (len(runs(everything)), trained in runs(everything)) == (3, True)
    assert gather(index, Request(sweeps=("modules",))).report.table.title == "Sweep modules"


def test_a_table_is_named_in_full_and_has_the_runs_of_its_sweeps(index: Index) -> None:
    for short in (Request(table="2"), Request(table="2", paper="ean"), Request(table="ean:2")):
        assert resolved(index, short) == Request(table="ean:2")
    gathered = gather(index, Request(table="2"))
    se = expand(Axes(modules=("se",))).specs[0]  # with another r than the table's row, and so below the table
    assert runs(gathered) == {se.id, *(spec.id for spec in specs(EAN2, "ResNet56", ("0", "1"), **DIGITS))}
    assert gathered.report.names[len(EAN2.rows) :] == (f"{se.label()}, block",)
    assert gathered.report.table.title.startswith("EAN, table 2: ")
    assert not gathered.missing


def test_what_is_missing_comes_with_the_commands_that_train_it(index: Index) -> None:
    (command,) = gather(index, Request(sweeps=("modules",), missing=True)).missing
    assert command == "attnctl sweep --name modules"
    commands = gather(index, Request(table="ean:2", missing=True, options=Options(rows=("ResNet56+SE",)))).missing
    assert commands
    assert all("--dataset digits" in command for command in commands), commands


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(paper="ela"), "--paper ela needs --table; `attnctl papers` lists the tables"),
        (Request(table="ean:2", sweeps=("modules",)), "sweep modules did not train table ean:2; these did: table"),
        (Request(sweeps=("tabel",)), "did you mean 'table'"),
        (Request(sweeps=("modules",), options=Options(seeds=(5, 6))), "no run has seed 5, 6; seeds: 0"),
        (Request(table="ean:99"), "EAN has no table '99'"),
    ],
)
def test_a_request_that_cannot_be_says_what_would_be_right(request_: Request, message: str, index: Index) -> None:
    with pytest.raises(SpecError) as raised:
        gather(index, request_)
    assert message in str(raised.value)


def test_seeds_that_no_run_has_are_a_warning_beside_those_that_some_have(index: Index) -> None:
    gathered = gather(index, Request(options=Options(seeds=(0, 1, 5))))
    assert gathered.report.warnings[0] == "no run has seed 5; seeds: 0, 1"
    all_there = gather(index, Request(options=Options(seeds=(0, 1))))
    assert not any("no run has seed" in words for words in all_there.report.warnings)


def test_an_empty_workspace_has_nothing_to_report(tmp_path: Path) -> None:
    with open_index(Workspace(tmp_path)) as empty, pytest.raises(SpecError, match="nothing to report"):
        gather(empty, Request())
