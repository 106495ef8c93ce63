"""`attnctl seeds`, on a workspace with completed runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.cli import main
from attnctl.grid import Axes, expand
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run
from tests.reports.report_workspace import sweep, train

VALUES = {"none": (90.0, 90.8, 90.3), "ela": (90.6, 91.1, 91.2)}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "w")
    specs = expand(Axes(modules=("none", "ela"), seeds=("0", "1", "2"))).specs
    for spec in specs:
        train(made, spec, VALUES[spec.module][spec.seed])
    sweep(made, "three", list(specs), command=("sweep", "none,ela", "--seed", "0..2"))
    return made


def run(workspace: Workspace, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["--workspace", str(workspace.root), "seeds", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_plan_has_a_table_a_total_and_a_command(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(workspace, capsys)
    assert code == 0
    assert "correlation" in out
    assert "seeds for all of these rows" in out
    assert out.splitlines()[-1].startswith("    attnctl sweep none,ela --seed 0..")
    assert out.splitlines()[-1].endswith("--name three")


def test_the_json_has_the_same(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(workspace, capsys, "three", "--half-width", "0.5", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["runs"] == 2 * (len(document["seeds"]) - 3)
    assert (document["hours"], document["unit"]) == (None, None)  # these runs have no times
    assert document["commands"][0].startswith("attnctl sweep")


@pytest.mark.parametrize(
    ("ending", "words"), [("md", "| row"), ("tex", r"\begin{table"), ("csv", "group,"), ("json", '"title"')]
)
def test_the_table_is_written_and_the_command_printed(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, words: str
) -> None:
    file = tmp_path / f"seeds.{ending}"
    code, out, err = run(workspace, capsys, "-o", str(file), "--caption", "How many seeds")
    assert code == 0
    assert words in file.read_text()
    assert out.splitlines()[-1].startswith("    attnctl sweep")
    assert f"written: {file}" in err


def test_the_whole_plan_is_written_as_json(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.json"
    printed = run(workspace, capsys, "--json")[1]
    assert run(workspace, capsys, "--json", "-o", str(file))[:2] == (0, "")
    assert json.loads(file.read_text()) == json.loads(printed)


def test_enough_seeds_need_no_command(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert "The completed runs are enough." in run(workspace, capsys, "--half-width", "20")[1]


def test_equal_results_cannot_be_planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Workspace(tmp_path / "equal")
    specs = expand(Axes(modules=("none", "ela"), seeds=("0", "1"))).specs
    for spec in specs:
        train(made, spec, 91.0 if spec.module == "ela" else 90.0)
    sweep(made, "equal", list(specs))
    assert "No number of seeds can be told" in run(made, capsys)[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--half-width", "0"), "--half-width must be above 0, and 100 at most (got 0)"),
        (("--gap", "nan"), "--gap must be above 0, and 100 at most (got nan)"),
        (("--gap", "1", "--half-width", "1"), "--half-width and --gap are different plans; give only one of them"),
        (("thre",), "thre"),
        (("ean:99",), "EAN has no table '99'"),
    ],
)
def test_bad_input_is_one_line(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    code, out, err = run(workspace, capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_the_hours_are_estimated_from_the_trained_runs(folder: Path, attnctl: Run) -> None:
    axes = ("none,ela", "--seed", "0,1", "--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "128")
    assert attnctl("sweep", *axes, "--run-on", "local", "--name", "two").code == 0
    document = json.loads(attnctl("seeds", "two", "--gap", "10", "--json").out)
    assert document["unit"] == "CPU process-hours"
    assert 0 < document["hours"] < 3600
    assert document["hours"] / document["runs"] < 1 / 60  # these runs take seconds
