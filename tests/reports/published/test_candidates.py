"""Of several trainings of a row the best counts."""

from __future__ import annotations

from pathlib import Path

from attnctl.workspace.layout import Workspace
from tests.reports.published.published_tables import build
from tests.reports.report_workspace import cells, footnotes, line, specs, train
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


def test_a_training_chosen_on_held_out_images_is_shown_with_its_number_on_the_test_set(tmp_path: Path) -> None:
    workspace, ela5 = Workspace(tmp_path), named("ela:5")
    items = cells(ela5, ("ResNet18",), select="val")
    (item,) = items
    (high,), (low,) = item.selection
    train(workspace, high, 72.0)
    report = build(workspace, ela5, items, asked=True)
    cell = line(report.table, "ResNet18", report.names)["top1"]
    assert (cell.value, cell.state) == (None, "not run")  # the other candidate
    train(workspace, low, 71.0)
    assert line(build(workspace, ela5, items, asked=True).table, "ResNet18", report.names)["top1"].value is None
    train(workspace, item.variants[0][0], 69.5)
    report = build(workspace, ela5, items, asked=True)
    cell = line(report.table, "ResNet18", report.names)["top1"]
    assert cell.value == 69.5
    assert footnotes(report.table, cell) == [
        "lr=0.1 of lr=0.1, lr=0.05: the highest mean top1 on images held out of the training set (val_split=0.1); "
        "trained again on all of them"
    ]
    assert not any("instead of the paper's" in note for note in report.table.notes)


def test_a_diverged_candidate_is_not_chosen_on_held_out_images(tmp_path: Path) -> None:
    workspace, ela5 = Workspace(tmp_path), named("ela:5")
    items = cells(ela5, ("ResNet18",), select="val")
    (high,), (low,) = items[0].selection
    train(workspace, high, outcome="diverged")
    train(workspace, low, 71.0)
    train(workspace, items[0].variants[1][0], 69.0)
    report = build(workspace, ela5, items, asked=True)
    assert line(report.table, "ResNet18", report.names)["top1"].value == 69.0
