"""`attnctl report`, as it is typed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnctl.cli import main
from attnctl.cli.reporting.options import FORMATS
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.papers.runs import Overrides, cells_of
from attnctl.reports import formats
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import on_a_terminal
from tests.attnctl.cli.commands.reported import swept_modules
from tests.reports.report_workspace import NOW, cells, specs, sweep, train
from tests.reports.report_workspace import table as named


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Calls the report command here: (exit code, standard output, standard error)."""

    def call(workspace: Workspace, *words: object, command: str = "report") -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--workspace", str(workspace.root), *([command] if command else []), *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return swept_modules(tmp_path, "none", "ela")


def test_the_formats_of_the_command_are_those_of_the_reports() -> None:
    assert tuple(formats.FORMATS) == FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_contains_what_the_screen_shows(
    workspace: Workspace, run: Callable[..., tuple[int, str, str]], name: str
) -> None:
    code, printed, err = run(workspace, "--format", name)
    assert (code, err) == (0, "")
    path = workspace.root.parent / f"table{formats.FORMATS[name].endings[0]}"
    code, out, err = run(workspace, "first", "-o", path)
    choice = " (table, in one column; about 42 characters wide)" if name == "latex" else ""
    assert (code, out, err) == (0, "", f"written: {path}{choice}\n")
    assert path.read_text() == printed
    assert "ResNet-20 on Digits" in printed


def test_without_a_name_the_only_sweep_is_shown_else_all_runs(
    workspace: Workspace, run: Callable[..., tuple[int, str, str]]
) -> None:
    assert run(workspace)[1].startswith("Sweep first")
    write_atomic(workspace.sweep("second"), Sweep(name="second", created=2.0, command=[], runs=[]).encode())
    assert run(workspace)[1].startswith("All runs of this workspace")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["frist"], "no sweep is called 'frist'; did you mean 'first'?"),
        (["-f", "pdf"], "unknown format 'pdf'; known: terminal, markdown, latex, html, csv, json"),
        (["-o", "x.pdf"], "unknown suffix '.pdf'"),
        (["-o", "no/such/x.tex"], "there is no folder no/such"),
        (["-o", "/dev/null", "-f", "csv"], "it is not a regular file"),
        (["-o", "/tmp", "-f", "csv"], "it is a folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    workspace: Workspace, run: Callable[..., tuple[int, str, str]], words: list[str], message: str
) -> None:
    code, out, err = run(workspace, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_an_empty_workspace_is_one_line_and_nothing_written(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = run(Workspace(tmp_path))
    assert (code, out) == (2, "")
    assert "nothing to report: this workspace has no runs yet" in err
    assert list(tmp_path.iterdir()) == []


def test_a_paper_without_runs_is_shown_and_nothing_written(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, _ = run(Workspace(tmp_path), "--table", "ean:2")
    assert code == 0
    assert "not run" in out
    assert list(tmp_path.iterdir()) == []


EAN2 = named("ean:2")
DIGITS: dict[str, Any] = {"dataset": "digits", "backbone": "resnet20", "placement": "block", "fields": {"epochs": "3"}}
ROWS = ("ResNet50", "ResNet50+SE", "ResNet50+CBAM")


@pytest.fixture
def swept(tmp_path: Path) -> Workspace:
    """Three rows of EAN's table 2 on digits, two seeds: one run diverged, one failed, the rest is done."""
    made = Workspace(tmp_path / "w")
    asked = [spec for item in cells(EAN2, ROWS, ("0", "1"), **DIGITS) for spec in item.specs]
    for number, spec in enumerate(asked):
        outcome = {3: "diverged", 5: "error"}.get(number, "completed")
        train(made, spec, 80.0, 90.0 + number, outcome=outcome, device="cpu")
    overrides = Overrides(seeds=("0", "1"), **DIGITS)
    sweep(made, "ean-2", asked, EAN2, overrides, command=("sweep", "--paper", "ean", "--table", "2"))
    return made


def test_a_table_is_that_of_the_only_paper_swept(swept: Workspace, run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run(swept, "--table", "2")
    assert code == 0
    assert out.startswith("EAN, table 2: ")
    assert "table 2 of EAN, the only paper swept in this workspace" in err
    assert "trained with backbone=resnet20 placement=block dataset=digits epochs=3" in err
    assert "90.50 ± 0.71" in out
    assert "n=1 of 2: diverged" in out
    assert "warning: ResNet50: not the same seeds: " in err


def test_if_no_paper_was_swept_the_candidates_are_listed(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = run(swept_modules(tmp_path, "none", "se"), "--table", "2")
    assert (code, out) == (2, "")
    assert "instead of 2 type an:2 or ean:2 or ela:2 or ema:2 or nam:2" in err


def test_a_paper_alone_is_not_enough(workspace: Workspace, run: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run(workspace, "--paper", "ean")
    assert code == 2
    assert "--paper ean needs --table" in err


def test_a_sweep_of_something_else_is_refused(swept: Workspace, run: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run(swept, "ean-2", "--table", "ean:3")
    assert code == 2
    assert "sweep ean-2 did not train table ean:3" in err
    assert run(swept, "ean-2", "--table", "ean:2")[0] == 0
    assert run(swept, "ean-3", "--table", "ean:2")[0] == 2


def test_missing_cells_have_a_command_that_trains_them(
    swept: Workspace, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, _ = run(swept, "--table", "ean:2", "--rows", "ResNet50*", "--missing")
    assert code == 0
    lines = [shlex.split(line) for line in out.splitlines()]
    overrides = ["--backbone", "resnet20", "--placement", "block", "--dataset", "digits", "--epochs", "3"]
    paper = ["attnctl", "sweep", "--paper", "ean", "--table", "2"]
    assert lines == [
        [*paper, "--rows", "ResNet50+CBAM", *overrides, "--seed", "1", "--retry-failed"],
        [*paper, "--rows", "ResNet50+CA", *overrides, "--seed", "0,1"],
    ]
    code, out, err = run(swept, "--table", "ean:2", "--rows", "ResNet50+SE", "--missing")
    assert (code, out) == (0, "")
    assert "nothing is missing" in err
    assert json.loads(run(swept, "--table", "ean:2", "--missing", "--json")[1])["commands"]


def test_rows_that_were_asked_for_with_other_settings_stand_in_one_table(
    swept: Workspace, run: Callable[..., tuple[int, str, str]]
) -> None:
    ean2 = named("ean:2")
    ghost = Overrides(
        backbone="resnet20", placement="block", dataset="digits", fields={"epochs": "3", "norm_batch": "64"}
    )
    asked = [spec for item in cells_of(ean2, ghost, ["ResNet50+CBAM", "ResNet50+CA"]) for spec in item.specs]
    train(swept, asked[0], 42.0)
    train(swept, asked[1], outcome="error")
    sweep(swept, "ghost", asked, ean2, ghost, created=NOW + 9)
    code, out, err = run(swept, "--table", "ean:2", "--rows", "ResNet50*")
    assert code == 0
    assert "\nResNet50+CBAM, ResNet50+CA" in err  # and other groups, of the same backbone here
    assert " 42.00" in out
    assert "trained with backbone=resnet20 placement=block dataset=digits epochs=3 norm_batch=64 instead of" in out
    code, out, _ = run(swept, "--table", "ean:2", "--rows", "ResNet50*", "--missing")
    last = shlex.split(out.splitlines()[-1])
    assert last[:8] == ["attnctl", "sweep", "--paper", "ean", "--table", "2", "--rows", "ResNet50+CA"]
    assert last[-5:] == ["--epochs", "3", "--norm-batch", "64", "--retry-failed"]


def test_missing_runs_of_a_sweep_have_its_command(swept: Workspace, run: Callable[..., tuple[int, str, str]]) -> None:
    _, out, _ = run(swept, "--missing")
    assert out == "attnctl sweep --paper ean --table 2 --name ean-2 --retry-failed\n"


def test_the_comparison_shows_the_gain_and_the_selected_rows(
    swept: Workspace, run: Callable[..., tuple[int, str, str]]
) -> None:
    _, out, _ = run(swept, "--columns", "top1", "--sort", "-top1", "--format", "json")
    made = json.loads(out)
    assert [column["name"] for column in made["columns"]] == ["top1", "top1.gain"]
    assert [row["header"][0].split()[0] for row in made["groups"][0]["rows"]] == ["CBAM", "SE", "ResNet-20"]
    assert run(swept, "--rows", "se*", "--seed", "0", "--json")[0] == 0


@pytest.fixture
def trained(workspace: Workspace) -> Workspace:
    """The sweep's runs of the plain backbone and of ELA are completed."""
    for spec, value in zip(expand(Axes(modules=("none", "ela"))).specs, (90.0, 91.26), strict=True):
        train(workspace, spec, value)
    return workspace


def test_a_table_has_the_asked_order_decimals_and_spread(
    trained: Workspace, run: Callable[..., tuple[int, str, str]]
) -> None:
    _, out, _ = run(trained, "--order", "rows", "--rows", "ela,none", "--decimals", "1", "-f", "markdown")
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["| ELA", "| ResNet-20"]
    assert [line.split(" | ")[1].strip("* ") for line in lines[-2:]] == ["91.3", "90.0"]
    code, _, err = run(trained, "--spread", "ci", "-f", "csv")
    assert (code, err) == (
        2,
        "attnctl: --spread and --spread-as are for tables that are read; CSV and JSON hold the values\n",
    )
    assert run(trained, "--decimals", "topp1=1")[2].startswith("attnctl: no such column: 'topp1'")


def test_two_sweeps_stand_beside_each_other(trained: Workspace, run: Callable[..., tuple[int, str, str]]) -> None:
    (spec,) = expand(Axes(modules=("ela",), overrides={"lr": ("0.05",)})).specs
    train(trained, spec, 97.5)
    sweep(trained, "second", [spec])
    code, out, err = run(trained, "first", "second", "--pivot", "sweep", "--json")
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert [column["title"] for column in made["columns"]] == ["first", "second"]
    assert made["title"] == "Sweeps first, second"
    assert made["label"] == "tab:first-second"
    ela = next(row for row in made["groups"][0]["rows"] if row["header"] == ["ELA"])
    assert ela["cells"][1]["value"] == 97.5
    (first, second) = [note for note in made["notes"] if "Training" in note]
    assert (first.split(":")[0], "lr 0.1," in first) == ("first", True)
    assert (second.split(":")[0], "lr 0.05," in second) == ("second", True)


def test_modules_are_cited_and_macros_begin_with_the_sweep(
    trained: Workspace, run: Callable[..., tuple[int, str, str]]
) -> None:
    text = run(trained, "-f", "latex", "--cite")[1]
    assert r"ELA~\cite{xu2024ela}" in text
    assert r"\label{tab:first}" in text
    assert r"\newcommand{\first" in run(trained, "--macros")[1]


def test_the_best_epoch_can_be_requested(swept: Workspace, run: Callable[..., tuple[int, str, str]]) -> None:
    (spec,) = specs(EAN2, "ResNet50+CA", **DIGITS)
    train(swept, spec, 99.0, 80.0, device="cpu")
    _, out, _ = run(swept, "--table", "ean:2", "--rows", "ResNet50+CA", "--epoch", "best", "--seed", "0")
    assert "99.00" in out
    assert "chosen by the test set itself" in out
    assert "80.00" in run(swept, "--table", "ean:2", "--rows", "ResNet50+CA", "--seed", "0")[1]


def test_a_report_is_frozen(swept: Workspace, run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    path = tmp_path / "submitted.json"
    words = ("--table", "ean:2", "--columns", "top1")
    code, first, err = run(swept, *words, "--lock", path)
    assert code == 0
    assert f"locked in {path}: 4 runs" in err
    train(swept, specs(EAN2, "ResNet50+CA", **DIGITS)[0], 1.0, device="cpu")
    assert run(swept, *words)[1] != first
    code, again, err = run(swept, "--lock", path)
    assert (code, again) == (0, first)
    assert "4 runs, unchanged since" in err
    assert run(swept, "--lock", path, "--table", "2", "--paper", "EAN")[1] == first
    code, out, err = run(swept, "--lock", path, "--table", "ean:3")
    assert (code, out) == (2, "")
    assert "was locked with --table ean:2, not with --table ean:3" in err
    before = path.read_bytes()
    gone = swept.run(specs(EAN2, "ResNet50", **DIGITS)[0].id)
    gone.path.rename(tmp_path / "away")
    code, out, err = run(swept, "--lock", path)
    assert (code, out, path.read_bytes()) == (2, "", before)
    assert f"no longer in this workspace: {gone.id}" in err


def test_a_comparison_is_frozen_too(
    workspace: Workspace, run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "submitted.json"
    _, first, _ = run(workspace, "--lock", path)
    assert run(workspace, "first", "--lock", path)[0] == 2
    assert run(workspace, "--lock", path)[1] == first


def test_a_number_is_traced(swept: Workspace, run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run(swept, "--table", "ean:2", "--provenance", "--cell", "ResNet50:top1")
    assert code == 0
    one, two = (spec.id for spec in specs(EAN2, "ResNet50", ("0", "1"), **DIGITS))
    assert f"ResNet50, Top-1 Acc (%) measured: 90.50 ± 0.71 from {one}, {two}" in out
    assert "commit" in out
    document = json.loads(run(swept, "--table", "ean:2", "--provenance", "--json")[1])
    assert {one, two} <= document["runs"].keys()
    assert run(swept, "--table", "ean:2", "--cell", "ResNet50:params")[2].endswith(
        "there are no runs behind these numbers\n"
    )


@pytest.mark.parametrize("columns", [80, 50])
def test_the_provenance_fits_a_terminal(columns: int, swept: Workspace) -> None:
    environment = {"NO_COLOR": "1", "COLUMNS": str(columns), "PATH": "/nowhere"}
    words = ["--workspace", str(swept.root), "report", "--table", "ean:2", "--provenance", "--cell", "ResNet50"]
    printed = on_a_terminal(words, environment).splitlines()
    first = next(number for number, line in enumerate(printed) if line.startswith("ResNet50, "))
    shown = printed[first:]  # behind the messages on standard error
    assert len(shown) > 15
    assert max(map(len, shown)) <= columns
    wrapped = [line for line in shown if line.startswith(" " * 8)]
    assert columns == 80 or wrapped, "the rest of a text stands below its beginning, not below its name"


def test_a_page_shows_the_origin_of_its_numbers(swept: Workspace, run: Callable[..., tuple[int, str, str]]) -> None:
    _, out, _ = run(swept, "--table", "ean:2", "--format", "html")
    assert out.count(specs(EAN2, "ResNet50", **DIGITS)[0].id) > 1
    assert "<svg" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--table", "ean:2", "--columns", "topp1"], "no such column: 'topp1'; did you mean 'top1'?"),
        (["--columns", "topp1"], "no such column: 'topp1'; did you mean 'top1'?"),
        (["--rows", "elaa"], "no such row: 'elaa'; did you mean 'ela"),
        (["--seed", "x"], "--seed is x; it must be a whole number"),
        (["--seed", "0,"], "a value is empty"),
        (["--missing", "--provenance"], "give only one of them"),
        (["--provenance", "-o", "x.csv"], "without -o"),
        (["--standalone", "-f", "csv"], "--standalone applies to latex, not to csv"),
        (["--standalone", "--macros"], "give only one of them"),
        (["--lock", "no/such/x.json"], "there is no folder no/such"),
        (["--epoch", "first"], "first"),
    ],
)
def test_invalid_arguments_are_one_line_errors(
    workspace: Workspace, run: Callable[..., tuple[int, str, str]], words: list[str], message: str
) -> None:
    code, out, err = run(workspace, *words)
    assert (code, out) == (2, "")
    assert message in err
