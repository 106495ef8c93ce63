"""Footnotes of a paper's table."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.papers.model import PaperTable
from attnctl.reports import published
from attnctl.reports.selection import Options
from attnctl.workspace.layout import Workspace
from tests.reports.published.published_tables import EAN2, TABLES, build, trained_rows
from tests.reports.report_workspace import cells, footnotes, line, specs, train
from tests.reports.report_workspace import table as named


def test_the_best_epoch_is_noted_unless_chosen_on_held_out_images(workspace: Workspace, tmp_path: Path) -> None:
    spec = specs(EAN2, "ResNet50")[0]
    own = Workspace(tmp_path)
    train(own, spec, 70.0, 60.0)
    report = build(own, EAN2, options=Options(epoch="best"))
    cell = line(report.table, "ResNet50", report.names)["top1"]
    assert cell.value == 70.0
    assert "chosen by the test set itself" in footnotes(report.table, cell)[0]
    items = cells(EAN2, fields={"val_split": "0.1"})
    (held_out,) = specs(EAN2, "ResNet50", fields={"val_split": "0.1"})
    train(own, held_out, 71.0, 60.0)
    report = build(own, EAN2, items, options=Options(epoch="best"))
    cell = line(report.table, "ResNet50", report.names)["top1"]
    assert (cell.value, cell.marks) == (71.0, ())


def test_notes_of_the_paper_and_the_data_become_footnotes() -> None:
    report = published.build(EAN2, cells(EAN2), {})
    assert footnotes(report.table, line(report.table, "ResNet101+CA", report.names)["params.published"]) == [
        "a likely misprint of 49.88"
    ]
    assert [note.mark for note in report.table.footnotes][:3] == ["a", "b", "c"]
    only = published.build(EAN2, cells(EAN2), {}, options=Options(columns=("top1",), rows=("ResNet50",)))
    assert only.table.footnotes == ()


@pytest.mark.parametrize("table", [table for table in TABLES if trained_rows(table)], ids=lambda table: table.name)
def test_each_trained_table_says_what_is_stated_assumed_or_from_code(table: PaperTable) -> None:
    assert "as stated" in table.training
    assert any(word in table.training for word in ("norm sees", "norms are frozen", "norm that is not frozen sees"))
    sources = ("Section", "section", "Details", "README: ")
    assert table.paper == "AN" or any(word in table.training for word in sources)
    notes = published.build(table, cells(table), {}).table.notes
    assert f"Training. {table.training}" in notes


def test_the_papers_training_is_left_out_where_another_recipe_replaces_it() -> None:
    for overrides in ({"dataset": "digits"}, {"recipe": "digits"}):
        notes = published.build(EAN2, cells(EAN2, **overrides), {}).table.notes
        assert not any(note.startswith("Training. ") for note in notes)
    epochs = published.build(EAN2, cells(EAN2, fields={"epochs": "3"}), {}).table.notes
    assert any(note.startswith("Training. ") for note in epochs)


def test_elas_tables_say_where_the_modules_are_assumed_to_stand() -> None:
    for number, words in {"2": "before the addition", "4": "before the addition", "5": "16 blocks", "8": "3x3"}.items():
        assert words in named(f"ela:{number}").note
