"""Which runs a command's words mean: every command that takes a run or a sweep asks the same few functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli import run_selection, sweep_records
from attnctl.files import write_atomic
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run

ONE, TWO, GONE = "0123456789abcdef", "0123fedcba987654", "f" * 16


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace of two runs, both in the sweep `first`, which had another run."""
    workspace = Workspace(tmp_path)
    for run in (ONE, TWO):
        workspace.run(run).path.mkdir(parents=True)
    (workspace.runs / ".0123456789abcdef.removed-01234567").mkdir()
    sweep = Sweep(name="first", created=1.0, command=["attnctl", "sweep"], runs=[TWO, GONE, ONE])
    write_atomic(workspace.sweep("first"), sweep.encode())
    return workspace


def test_a_run_is_found_by_any_unique_prefix(workspace: Workspace) -> None:
    assert run_selection.run_id(workspace, ONE) == run_selection.run_id(workspace, ONE[:5]) == ONE
    assert run_selection.target(workspace, TWO[:5]) == run_selection.Target([TWO])


@pytest.mark.parametrize("prefix", ["", "zz", "0123", "%", "_", "0' OR 1=1 --", "0" * 300, "\x00", "../x"])
def test_an_unknown_run_is_a_one_line_error(workspace: Workspace, prefix: str) -> None:
    for resolve in (run_selection.run_id, run_selection.target):
        with pytest.raises(SpecError, match=r"^no run( or sweep)? is called|matches several runs") as raised:
            resolve(workspace, prefix)
        assert len(str(raised.value)) < 300


def test_sweep_names_take_precedence_over_run_ids_and_select_all_runs(workspace: Workspace) -> None:
    assert run_selection.target(workspace, "first") == run_selection.Target([TWO, GONE, ONE], "first")
    write_atomic(workspace.sweep("0123"), Sweep(name="0123", created=1.0, command=[], runs=[]).encode())
    assert run_selection.target(workspace, "0123").sweep == "0123"


def test_existing_runs_are_selected_once_each(workspace: Workspace) -> None:
    assert run_selection.chosen(workspace, ()) == [ONE, TWO]
    assert run_selection.chosen(workspace, ["first", ONE[:6]]) == [TWO, ONE]


def test_messages_name_the_nearest_and_what_to_type(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^no run or sweep is called 'frist'; did you mean 'first'\?$"):
        run_selection.target(workspace, "frist")
    with pytest.raises(SpecError, match=r"^no run is called 'zz'; attnctl status lists them$"):
        run_selection.run_id(workspace, "zz")
    (run, *_) = workspace.run_ids()
    with pytest.raises(SpecError, match=rf"^no sweep is called '{run[:12]}'; {run} is a run: attnctl show {run}$"):
        sweep_records.read(workspace, run[:12])
    empty = Workspace(tmp_path / "empty")
    with pytest.raises(SpecError, match=r"^no run or sweep is called 'x'; this workspace has no runs yet"):
        run_selection.target(empty, "x")
    with pytest.raises(SpecError, match=r"^no sweep is called 'x'; this workspace has no sweeps yet$"):
        sweep_records.read(empty, "x")
    with pytest.raises(SpecError, match=r"^this workspace has no runs yet"):
        run_selection.chosen(empty, ())


@pytest.mark.parametrize("command", [["show"], ["why"], ["logs"], ["cancel"], ["resume"], ["export", "-f", "csv"]])
def test_every_command_reports_unknown_names_equally(command: list[str], folder: Path, attnctl: Run) -> None:
    Workspace(folder).run(ONE).path.mkdir(parents=True)
    result = attnctl(*command, "zz")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("attnctl: no run ")
    assert "is called 'zz'; attnctl status lists them\n" in result.err


@pytest.mark.parametrize("command", ["show", "why"])
def test_a_run_that_is_being_made_is_one_line(command: str, folder: Path, attnctl: Run) -> None:
    Workspace(folder).run(ONE).path.mkdir(parents=True)
    result = attnctl(command, ONE[:4])
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"attnctl: run {ONE} has no spec yet")


@pytest.mark.parametrize("command", [["why"], ["show"], ["logs"], ["diff", ONE]])
def test_a_command_for_one_run_suggests_one_of_a_sweep(command: list[str], workspace: Workspace, attnctl: Run) -> None:
    result = attnctl("--workspace", str(workspace.root), *command, "first")
    assert (result.code, result.out) == (2, "")
    advice = f"name one of its runs, such as {TWO[:8]} (attnctl status first lists them)"
    assert result.err == f"attnctl: 'first' is a sweep; {advice}\n"


def test_run_ids_take_precedence_over_sweep_names_and_empty_sweeps_give_no_example(workspace: Workspace) -> None:
    for name in ("empty", ONE[:8]):
        write_atomic(workspace.sweep(name), Sweep(name=name, created=1.0, command=[], runs=[]).encode())
    with pytest.raises(SpecError, match=r"^'empty' is a sweep; name one of its runs \(attnctl status empty lists"):
        run_selection.run_id(workspace, "empty")
    assert run_selection.run_id(workspace, ONE[:8]) == ONE
