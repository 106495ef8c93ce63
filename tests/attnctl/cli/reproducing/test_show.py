"""The plan of a reproduction, printed and as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import papers
from attnctl.cli.reproducing import budget, graph, settings, show
from attnctl.cli.sweeping.cost import SweepCost
from attnctl.cost import CostModel, Machine
from attnctl.workspace.layout import Workspace


def test_rows_are_told_with_what_they_start_from_and_what_they_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, paper = Workspace(tmp_path), papers.load("ean")
    parts = graph.parts(workspace, paper, [paper.tables["5"]], settings.read([], ["5"], 2), ("EAN-ResNet50",))
    found = graph.build(workspace, paper, parts, CostModel([]), lambda _: Machine(), retry_failed=False)
    choice = budget.choose(found)
    cost = SweepCost(
        estimates=[node.estimate for node in choice.train], machines=[Machine()] * len(choice.train), bytes=1
    )
    show.show("EAN", parts, found, choice, cost, 1e9)
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.startswith("5/EAN-ResNet50")]
    assert "ean" in row.split("fasterrcnn")[0]
    assert row.split("coco")[1].split()[:3] == ["2", "0", "2"]
    assert "EAN: 4 runs: 4 new" in lines
    assert "the budget of 1e+09 CPU process-hours covers 4 runs" in lines

    document = show.in_document("EAN", parts, found, choice, cost, None)
    assert [run["base"] is None for run in document["runs"]] == [True, False, True, False]
    assert all(run["chosen"] and run["seconds"]["likely"] > 0 for run in document["runs"])
    assert document["cost"]["hours"] == pytest.approx(choice.hours)
