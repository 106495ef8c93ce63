"""Reports as values: what the command prints, in each format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import pytest

import attnctl
from attnctl.cli import main
from attnctl.workspace.layout import Workspace
from tests.db import written

RUNS = written.specs(("none", "ela"), ("0", "1"))


def test_a_report_has_the_formats_of_the_command(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    found = attnctl.report(workspace.root)
    assert_type(found, attnctl.Table)
    for form, text in (
        ("terminal", str(found)),
        ("latex", found.to_latex()),
        ("markdown", found.to_markdown()),
        ("csv", found.to_csv()),
    ):
        capsys.readouterr()
        assert main(["--workspace", str(workspace.root), "report", "--format", form]) == 0
        assert capsys.readouterr().out.rstrip("\n") == text.rstrip("\n"), form
    assert "\\documentclass" in found.to_latex(standalone=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pivot": "backbone", "delta": True}, "--pivot backbone --delta"),
        ({"pivot": "backbone", "transpose": True}, "--pivot backbone --transpose"),
        ({"decimals": 1}, "--decimals 1"),
        ({"decimals": {"top1": 3, "params": 0}}, "--decimals top1=3,params=0"),
        ({"spread": "se", "spread_as": "interval"}, "--spread se --spread-as interval"),
        ({"spread_as": "parens"}, "--spread-as parens"),
        ({"order": "metric"}, "--order metric"),
        ({"order": "rows", "rows": ["ela", "no*"]}, "--order rows --rows ela,no*"),
    ],
)
def test_each_argument_is_as_the_option(
    arguments: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path)
    runs = written.specs(("none", "ela"), ("0", "1"), backbones=("resnet20", "resnet56"))
    written.submit(workspace, runs, sweep="first")
    for number, spec in enumerate(runs):
        written.finish(workspace, spec.id, 90.0 + number)
    plain = str(attnctl.report(workspace.root))
    found = attnctl.report(workspace.root, **arguments)
    for form, text in ("terminal", str(found)), ("latex", found.to_latex()):
        assert main(["--workspace", str(workspace.root), "report", "--format", form, *words.split()]) == 0
        assert capsys.readouterr().out.rstrip("\n") == text.rstrip("\n"), form
    assert str(found) != plain


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"delta": True}, "need --pivot"),
        ({"pivot": "backbone", "table": "ela:3"}, "is for a comparison"),
        ({"order": "name", "sort": "top1"}, "two orders"),
        ({"decimals": {"nothing": 1}}, "nothing"),
        ({"decimals": 99}, "0 to "),
        ({"decimals": {"top1": -1}}, "0 to "),
        ({"spread": "mean"}, "sd, se, ci, none"),
        ({"spread_as": "bars"}, "pm, parens, interval"),
        ({"order": "best"}, "asked, name, metric, rows"),
    ],
)
def test_arguments_that_do_not_fit_raise(arguments: dict[str, Any], words: str, workspace: Workspace) -> None:
    with pytest.raises(ValueError, match=words):
        attnctl.report(workspace.root, **arguments)


def test_a_frame_has_a_row_for_each_row_of_the_table(workspace: Workspace) -> None:
    found = attnctl.report(workspace.root, columns=["top1"])
    frame = found.to_pandas()
    assert tuple(frame.index) == found.rows
    assert len(frame) == len({spec.family for spec in RUNS})
    assert {"top1_std", "top1_n"} <= set(frame.columns)
    assert frame["top1"].dropna().tolist() == [90.0]
    assert sorted(frame["top1_n"]) == [0, 1]


def test_a_notebook_shows_a_table_without_markup_of_others(workspace: Workspace) -> None:
    shown = attnctl.report(workspace.root)._repr_html_()
    assert "<table>" in shown
    assert "<script" not in shown


def test_a_report_of_nothing_raises(tmp_path: Path) -> None:
    (tmp_path / "attnctl.toml").touch()
    with pytest.raises(ValueError, match="nothing to report"):
        attnctl.report(tmp_path)
    with pytest.raises(ValueError, match="is not a workspace"):
        attnctl.report(tmp_path.parent)
