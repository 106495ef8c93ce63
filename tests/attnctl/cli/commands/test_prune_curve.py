"""`attnctl prune-curve`, of networks that were really trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.drawn import document, ids


def test_the_curve_begins_at_the_accuracy_of_the_run(here: Path, attnctl: Run) -> None:
    run = ids(attnctl)["none"]
    measured = json.loads(attnctl("show", run, "--json").out)
    found = document(attnctl("prune-curve", run, "--of", "norms", "--percent", "0,100", "--json"))
    (curve,) = found["runs"]
    assert curve["metric"] == "top1"
    assert curve["pruned"][0] == {"percent": 0, "value": pytest.approx(measured["metrics"]["top1"], abs=1e-6)}
    assert not list(here.glob("*.pdf"))


def test_the_figure_and_its_tables_are_written(here: Path, attnctl: Run) -> None:
    known = ids(attnctl)
    done = attnctl("prune-curve", known["none"], known["ean G=2"], "--of", "norms", "--percent", "0,50")
    assert done.code == 0, done.err
    assert (here / f"prune-curve-{known['none'][:8]}-norms.pdf").read_bytes().startswith(b"%PDF")
    lines = done.out.splitlines()
    assert "ResNet-20 (top1)" in lines[0]
    assert lines[2].split()[:2] == ["50", "%"]
    assert any(line.split()[:1] == ["EAN"] and "bn1" in line for line in lines[3:])


@pytest.mark.parametrize("percent", ["50,0", "0,101", "0,0", "-1"])
def test_percentages_that_do_not_ascend_are_refused(here: Path, attnctl: Run, percent: str) -> None:
    result = attnctl("prune-curve", ids(attnctl)["none"], f"--percent={percent}")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"attnctl: --percent is {percent}; it must be ascending numbers from 0 to 100, such as 0,25,50\n"
    )
