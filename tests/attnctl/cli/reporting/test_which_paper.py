"""A table or figure by its number alone: the paper that was swept is taken, and named; else a person is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from attnctl import grid, papers
from attnctl.files import create_exclusive
from attnctl.grid import Axes
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import find
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources, Sweep
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.own_module import MODULE

TINY = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "256")
NETWORKS = {"ela:3": "yolox_nano cspdarknet_nano on voc07", "ela:8": "deeplabv3 resnet50 on voc12-seg"}
ELA_3 = "CA and its modification with GN in YOLOX-Nano on Pascal VOC2007"


def sweep_modules(folder: Path, *modules: str) -> None:
    """Runs that were asked for and never started, of a sweep of these modules."""
    config = find(folder, folder, {})
    specs = grid.expand(Axes(modules=modules)).specs
    submit(config, specs, Resources(), config.slurm, "local")
    record_sweep(folder, "modules", [spec.id for spec in specs])


def record_sweep(folder: Path, name: str, runs: list[str] | None = None, **part: Any) -> None:
    sweep = Sweep(name=name, created=1.0, command=[], runs=runs or [], **part)
    create_exclusive(Workspace(folder).sweep(name), sweep.encode())


def in_no_row(count: int, table: str, sweep: str = "modules") -> str:
    """What a report says of runs on digits, of which the table has none."""
    return (
        f"{count} runs (sweep {sweep}) are in no row of {table}: they train resnet20 on digits, and the rows train "
        f"{NETWORKS[table]}\n`attnctl report {sweep}` shows them; `attnctl sweep --table {table}` trains the rows of "
        "the table\n"
    )


def test_after_a_sweep_of_a_module_the_table_is_of_its_paper(folder: Path, attnctl: Run) -> None:
    assert attnctl("sweep", "ela", "--kernel", "5,7", *TINY).code == 0
    result = attnctl("report", "--table", "3")
    assert result.code == 0
    sweep = next(Workspace(folder).sweeps.glob("ela-*.json")).stem
    assert result.err == (
        "table 3 of ELA, whose module ela was swept in this workspace\n" + in_no_row(2, "ela:3", sweep)
    )
    assert result.out.startswith(f"ELA, table 3: {ELA_3}")
    result = attnctl("figure", "1", "-o", "one.svg")
    assert (result.code, result.err.splitlines()[0]) == (
        2,
        "figure 1 of ELA, whose module ela was swept in this workspace",
    )


def test_the_plain_backbone_beside_it_changes_nothing(folder: Path, attnctl: Run) -> None:
    sweep_modules(folder, "none", "ela", "se")
    result = attnctl("report", "--table", "3")
    assert (result.code, result.err) == (
        0,
        "table 3 of ELA, whose module ela was swept in this workspace\n" + in_no_row(3, "ela:3"),
    )


def test_candidates_of_several_swept_modules_are_listed_with_captions(folder: Path, attnctl: Run) -> None:
    sweep_modules(folder, "ela", "ean")
    result = attnctl("report", "--table", "3")
    assert (result.code, result.out) == (2, "")
    ean, ela, error = result.err.splitlines()
    assert ean == "ean:3  Comparison of different attention methods on the ImageNet-1K dataset"
    assert ela.startswith(f"ela:3  {ELA_3}")
    assert error == (
        "attnctl: table 3 of which paper? modules ean, ela were swept here; instead of 3 type ean:3 or ela:3"
    )
    result = attnctl("figure", "3")
    assert (result.code, len(result.err.splitlines())) == (2, 3)
    assert "figure 3 of which paper?" in result.err


def test_a_table_that_only_one_of_them_has_is_taken(folder: Path, attnctl: Run) -> None:
    sweep_modules(folder, "ela", "ean")
    result = attnctl("report", "--table", "8")
    assert (result.code, result.err) == (
        0,
        "table 8 of ELA, whose module ela was swept in this workspace\n" + in_no_row(2, "ela:8"),
    )
    record_sweep(folder, "first", paper="nam", table="1")
    record_sweep(folder, "second", paper="an", table="1")
    result = attnctl("report", "--table", "4")
    assert (result.code, result.err.count("\n")) == (2, 3)
    record_sweep(folder, "third", paper="ela", table="1")
    result = attnctl("report", "--table", "8")
    assert result.err == (
        "table 8 of ELA, the only paper with one of those swept in this workspace\n" + in_no_row(2, "ela:8")
    )


def test_a_swept_paper_takes_precedence_over_swept_modules(folder: Path, attnctl: Run) -> None:
    sweep_modules(folder, "ela")
    record_sweep(folder, "first", paper="nam", table="1")
    result = attnctl("report", "--table", "3")
    assert (result.code, result.err) == (
        0,
        "table 3 of NAM, the only paper swept in this workspace\n"
        "the numbers of nam:3 are computed, not trained; `attnctl report modules` shows the runs here\n",
    )


def test_a_table_that_the_modules_paper_lacks_is_refused_with_those_that_have_it(folder: Path, attnctl: Run) -> None:
    sweep_modules(folder, "nam")
    result = attnctl("report", "--table", "5")
    assert_refused(result, "nam has no table 5")
    assert "module nam was swept here, but no table '5' is in NAM (nam:1, nam:2, nam:3, nam:4)" in result.err
    assert result.err.endswith("other papers have one: ean:5, ela:5\n")
    assert_refused(attnctl("report", "--table", "9"), "no paper has a table 9")
    result = attnctl("figure", "3")
    assert_refused(result, "nam has no figures")
    assert "is in NAM (no figure); other papers have one: ean:3, ela:3" in result.err


def test_users_modules_belong_to_no_paper_so_that_all_papers_are_listed(folder: Path, attnctl: Run) -> None:
    (folder / "mine.py").write_text(MODULE)
    assert attnctl("sweep", "./mine.py:Gate", *TINY).code == 0
    result = attnctl("report", "--table", "3")
    assert (result.code, result.out) == (2, "")
    *candidates, error = result.err.splitlines()
    assert [line.split()[0] for line in candidates] == ["an:3", "ean:3", "ela:3", "ema:3", "nam:3"]
    assert [line.partition("  ")[2].strip() for line in candidates] == [
        papers.load(name).tables["3"].caption for name in papers.names()
    ]
    assert error.endswith(
        "no paper, and no module of a paper, was swept here; instead of 3 type an:3 or ean:3 or ela:3 or ema:3 or nam:3"
    )
    result = attnctl("report", "--table", "8")
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith("instead of 8 type ela:8\n")


def test_a_sweep_in_an_empty_folder_lists_the_candidates_and_writes_nothing(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--table", "2")
    assert (result.code, result.out, len(result.err.splitlines())) == (2, "", 6)
    assert listing(folder) == []


def test_a_damaged_spec_does_not_hide_the_others(folder: Path, attnctl: Run) -> None:
    sweep_modules(folder, "ela")
    (folder / "runs" / "0123456789abcdef").mkdir()
    (folder / "runs" / "0123456789abcdef" / "spec.json").write_text("[" * 100_000)
    result = attnctl("sweep", "--table", "3", "--dry-run", "--run-on", "local")
    assert (result.code, result.err) == (0, "table 3 of ELA, whose module ela was swept in this workspace\n")


def test_a_guessed_paper_is_printed_once_per_command(folder: Path, attnctl: Run) -> None:
    said = "table 5 of ELA, whose module ela was swept in this workspace\n"
    sweep_modules(folder, "ela")
    (folder / "results.csv").write_text("table,row,top1\n5,ResNet18,69.0\n5,ResNet18+ECA,70.0\n")
    result = attnctl("import", "results.csv", "--json")
    assert (result.code, result.err) == (0, said)
    assert [item["table"] for item in json.loads(result.out)["records"]] == ["ela:5", "ela:5"]
    result = attnctl("archive", "5", "-o", "five.tar.gz")
    assert result.err.startswith(said)
    assert result.err.count(said) == 1


# ---------------------------------------------------------------------------------------------------------- a terminal


def at_a_terminal(words: list[str], answers: str) -> tuple[int, str, str]:
    """Exit code, standard output (a pipe) and what a person saw; they type the answers."""
    import pty

    main, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "attnctl", *words],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"},
        text=True,
    ) as process:
        os.close(terminal)
        os.write(main, answers.encode())
        assert process.stdout is not None
        out = process.stdout.read()
    seen = b""
    with suppress(OSError):  # Linux says EIO when the other side has closed
        while block := os.read(main, 4096):
            seen += block
    os.close(main)
    return process.returncode, out, seen.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("answer", ["2", "ela", "ELA"])
def test_on_a_terminal_the_paper_is_asked_for(answer: str, folder: Path) -> None:
    sweep_modules(folder, "ela", "ean")
    code, out, seen = at_a_terminal(["report", "--table", "3"], f"nam\n{answer}\n")
    assert code == 0
    assert out.startswith(f"ELA, table 3: {ELA_3}")
    lines = seen.splitlines()
    assert "table 3 of which paper? modules ean, ela were swept here" in lines
    assert "1.  ean  Comparison of different attention methods on the ImageNet-1K dataset" in lines
    (second,) = [line for line in lines if line.startswith("2.  ela  CA and its")]
    assert (len(second), second[-4:]) == (80, " ...")
    assert "type a number from 1 to 2, or one of ean, ela" in seen


def test_a_terminal_that_answers_nothing_ends_the_command(folder: Path) -> None:
    sweep_modules(folder, "ela", "ean")
    code, out, seen = at_a_terminal(["report", "--table", "3"], "\x04")
    assert (code, out) == (1, "")
    assert "attnctl: cancelled" in seen
