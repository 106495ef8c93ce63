"""Of several trainings of a row the best counts."""

from __future__ import annotations

from pathlib import Path

from attnctl.workspace.layout import Workspace
from tests.reports.published.published_tables import build
from tests.reports.report_workspace import footnotes, line, specs, train
from tests.reports.report_workspace import table as named


def test_of_several_trainings_the_best_counts_and_is_noted(tmp_path: Path) -> None:
    table = named("ela:2")
    workspace = Workspace(tmp_path)
    one, two = specs(table, "ResNet18")
    train(workspace, one, 60.0)
    train(workspace, two, 61.0)
    report = build(workspace, table)
    cell = line(report.table, "ResNet18", report.names)["top1"]
    assert (cell.value, cell.n, cell.wanted, cell.runs) == (61.0, 1, 1, (two.id,))
    assert footnotes(report.table, cell) == ["lr=0.05 of lr=0.1, lr=0.05: the highest mean top1 on the test set"]


def test_an_unfinished_training_is_noted_beside_the_one_that_counts(tmp_path: Path) -> None:
    table = named("ela:2")
    workspace = Workspace(tmp_path)
    train(workspace, specs(table, "ResNet18")[0], 60.0)
    report = build(workspace, table)
    (note,) = footnotes(report.table, line(report.table, "ResNet18", report.names)["top1"])
    assert note.endswith("on the test set; not all done: lr=0.05")
