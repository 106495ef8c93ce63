"""The verdict on a paper from the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import papers
from attnctl.cli.reporting.verdict import chosen, gather
from attnctl.db import open_index
from attnctl.papers.runs import Overrides
from attnctl.reports.verdict import Finding, Support
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import specs, sweep, table, train


def test_the_runs_of_a_papers_sweeps_are_judged(tmp_path: Path) -> None:
    workspace, nam1 = Workspace(tmp_path), table("nam:1")
    seeds = ("0", "1", "2")
    asked = []
    for row, values in {"ResNet50+NAM(ch)": (80.9, 80.91, 80.92), "ResNet50+SE": (79.7, 79.72, 79.71)}.items():
        for spec, value in zip(specs(nam1, row, seeds), values, strict=True):
            train(workspace, spec, value)
            asked.append(spec)
    sweep(workspace, "nam-1", asked, nam1, Overrides(seeds=seeds))
    with open_index(workspace) as index:
        index.refresh()
        (found,) = gather(index, papers.load("nam"), ("1",))
    findings = {(cell.row.name, cell.column.key): cell.finding for cell in found.cells}
    assert findings["ResNet50+NAM(ch)", "top1"] is Finding.AGREES  # 19.09 is printed
    assert findings["ResNet50+NAM(ch)", "top5"] is Finding.DIFFERS
    assert findings["ResNet50+BAM", "top1"] is Finding.NOT_RUN
    first = found.claims[0].comparisons[0]
    assert (first.other.name, first.support) == ("ResNet50+SE", Support.SUPPORTED)
    assert found.claims[0].support is Support.OPEN


def test_a_verdict_says_what_was_trained_instead(tmp_path: Path) -> None:
    workspace, nam1 = Workspace(tmp_path), table("nam:1")
    overrides = Overrides(dataset="digits", fields={"epochs": "3"})
    (spec,) = specs(nam1, "ResNet50", dataset="digits", fields={"epochs": "3"})
    train(workspace, spec, 99.0)
    sweep(workspace, "nam-1", [spec], nam1, overrides)
    with open_index(workspace) as index:
        index.refresh()
        (found,) = gather(index, papers.load("nam"), ("1",))
    assert found.changed == ("trained with dataset=digits epochs=3 instead of the paper's values.",)
    assert {cell.finding for cell in found.cells} == {Finding.NOT_COMPARED, Finding.NOT_RUN}


def test_tables_without_training_or_claims_are_left_out() -> None:
    assert [item.number for item in chosen(papers.load("nam"), ())] == ["1", "2"]
    assert [item.number for item in chosen(papers.load("ela"), ())] == ["2", "3", "4", "5", "6", "7", "8"]
    with pytest.raises(SpecError, match="NAM table 3 has no trained column and no claim; tables with a verdict: 1, 2"):
        chosen(papers.load("nam"), ("3",))
    with pytest.raises(SpecError, match="NAM has no table '9'"):
        chosen(papers.load("nam"), ("9",))
