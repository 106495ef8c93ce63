"""`attnctl report` and `attnctl db`, as they are typed."""

import json
import subprocess
import sys

import pytest

from attnctl.cli.report import FORMATS
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.records import Sweep
from attnctl.rundir import Workspace
from reports import formats


def attnctl(workspace, *words):
    command = [sys.executable, "-m", "attnctl", "--workspace", str(workspace.root), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "w")
    runs = expand(Axes(modules=("none", "ela"))).specs
    for spec in runs:
        write_atomic(made.run(spec.id).spec, json.dumps(spec.to_json()).encode())
    record = Sweep(name="first", created=1.0, command=["attnctl"], runs=[spec.id for spec in runs])
    write_atomic(made.sweep("first"), record.encode())
    return made


def test_the_formats_of_the_command_are_those_of_the_reports():
    assert tuple(formats.FORMATS) == FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_holds_what_the_screen_shows(workspace, name):
    printed = attnctl(workspace, "report", "--format", name)
    assert (printed.returncode, printed.stderr) == (0, "")
    path = workspace.root.parent / f"table{formats.FORMATS[name].endings[0]}"
    done = attnctl(workspace, "report", "first", "-o", path)
    assert (done.returncode, done.stdout) == (0, "")
    assert path.read_text() == printed.stdout
    assert "resnet20 on digits" in printed.stdout


def test_without_a_name_the_only_sweep_is_shown_else_all_runs(workspace):
    assert attnctl(workspace, "report").stdout.startswith("Sweep first")
    write_atomic(workspace.sweep("second"), Sweep(name="second", created=2.0, command=[], runs=[]).encode())
    assert attnctl(workspace, "report").stdout.startswith("All runs of this workspace")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["frist"], "unknown sweep 'frist'; did you mean 'first'?"),
        (["-f", "pdf"], "unknown format 'pdf'; known: terminal, markdown, latex, html, csv, json"),
        (["-o", "x.pdf"], "no format goes with the ending '.pdf'"),
        (["-o", "no/such/x.tex"], "there is no folder no/such"),
        (["-o", "/dev/null", "-f", "csv"], "it is not a regular file"),
        (["-o", "/tmp", "-f", "csv"], "it is a folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(workspace, words, message):
    done = attnctl(workspace, "report", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_empty_workspace_is_one_line_and_nothing_written(tmp_path):
    done = attnctl(Workspace(tmp_path), "report")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is nothing to report" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_database_is_found_and_made_anew(workspace):
    path = attnctl(workspace, "db", "path").stdout.strip()
    assert path == str(workspace.root / "attnctl.sqlite")
    done = attnctl(workspace, "db", "rebuild")
    assert (done.returncode, done.stdout) == (0, f"2 runs and 1 sweep read into {path}\n")
