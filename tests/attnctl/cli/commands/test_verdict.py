"""`attnctl verdict`, as it is typed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from attnctl.cli import main
from attnctl.cli.reporting.options import FORMATS
from attnctl.reports import formats
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import specs, sweep, table, train


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made, nam1 = Workspace(tmp_path / "w"), table("nam:1")
    (spec,) = specs(nam1, "ResNet50")
    train(made, spec, 77.26)
    sweep(made, "nam-1", [spec], nam1)
    return made


def run(workspace: Workspace, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["--workspace", str(workspace.root), "verdict", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_contains_what_the_screen_shows(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, printed, err = run(workspace, capsys, "nam", "--table", "1", "-f", name)
    assert (code, err) == (0, "")
    path = workspace.root.parent / f"verdict{formats.FORMATS[name].endings[0]}"
    code, out, err = run(workspace, capsys, "nam", "--table", "1", "-o", path)
    assert (code, out) == (0, "")
    choice = r" \(table.*\)" if name == "latex" else ""
    assert re.fullmatch(f"written: {re.escape(str(path))}{choice}\n", err)
    assert path.read_text() == printed
    assert "not settled with 1 seed" in printed


def test_all_tables_are_judged_and_counted(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(workspace, capsys, "nam")
    assert code == 0
    assert "NAM, table 1: verdict" in out
    assert "NAM, table 2: verdict" in out
    totals = "cells: 0 agree, 0 differ, 2 not settled, 22 not run; claims: 1 supported, 0 contradicted, 3 open"
    assert out.endswith(f"\n{totals}\n")
    document = json.loads(run(workspace, capsys, "nam", "--json")[1])
    assert document["title"] == "NAM, tables 1, 2: verdict"
    assert run(workspace, capsys, "nam", "-f", "latex")[1].count(r"\label{tab:") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nams",), "unknown paper 'nams'; did you mean 'nam'?"),
        (("nam", "--table", "9"), "NAM has no table '9'"),
        (("nam", "--table", "3"), "NAM table 3 has no trained column and no claim; tables with a verdict: 1, 2"),
        (("nam", "--margin", "-1"), "--margin must be 0 to 100 points (got -1)"),
        (("nam", "--margin", "nan"), "--margin must be 0 to 100 points (got nan)"),
        (("nam", "--macros"), "--macros applies to attnctl report; a verdict has none"),
        (("nam", "-o", "x.pdf"), "x.pdf: unknown suffix '.pdf'"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    code, out, err = run(workspace, capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
