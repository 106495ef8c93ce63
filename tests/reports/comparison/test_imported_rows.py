"""Imported rows beside what was measured."""

from __future__ import annotations

from attnctl.reports import comparison
from attnctl.workspace.records import Imported
from tests.reports.comparison.compared import cell
from tests.reports.report_rows import rows


def test_imported_rows_are_shown_beside_measured_ones() -> None:
    imports = [
        Imported(source="their code", values={"top1": 93.0 + seed}, label="X", backbone="resnet20", dataset="digits")
        for seed in (0, 1)
    ]
    far = Imported(source="y", values={"top1": 1.0}, label="Y", backbone="resnet50", dataset="imagenet")
    table = comparison.build(rows([90.0, 91.0]), imports=[*imports, far]).table
    assert [group.title for group in table.groups] == ["ResNet-20 on Digits", "ResNet-50 on ImageNet, imported"]
    theirs = cell(table, "X")
    assert (theirs.value, theirs.n, theirs.runs, theirs.best) == (93.5, 2, (), True)
    assert [note.text for note in table.footnotes] == ["imported from their code", "imported from y"]
    assert (cell(table, "ela").value, cell(table, "ela").second) == (91.0, True)
