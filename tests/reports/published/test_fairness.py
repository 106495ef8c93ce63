"""Whether the rows of a group were trained alike."""

from __future__ import annotations

from pathlib import Path

from attnctl.papers.runs import Overrides, Settings, cells_of
from attnctl.workspace.layout import Workspace
from tests.reports.published.published_tables import EAN2, build
from tests.reports.report_workspace import specs, train


def test_rows_that_were_trained_with_other_settings_are_marked_and_warned_of(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (plain,) = specs(EAN2, "ResNet50")
    (ghost,) = specs(EAN2, "ResNet50+SE", fields={"norm_batch": "8"})
    train(workspace, plain, 70.0)
    train(workspace, ghost, 71.0)
    settings = Settings(parts={"ResNet50+SE": Overrides(fields={"norm_batch": "8"})})
    report = build(workspace, EAN2, cells_of(EAN2, settings))
    texts = {note.mark: note.text for note in report.table.footnotes}
    marks = {name: [texts[mark] for mark in row.marks] for name, row in report.rows()}
    assert marks["ResNet50+SE"] == [
        "trained with norm_batch=8 instead of the paper's values",
        "norm batch: 8; ResNet50: 32",
    ]
    assert report.warnings == ("ResNet50: not the same norm batch: 32 (ResNet50); 8 (ResNet50+SE)",)
