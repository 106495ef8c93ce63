"""Imported rows beside what was measured."""

from __future__ import annotations

import pytest

from attnctl.reports import comparison
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.selection import Options
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


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("ela kernel=9", "ELA (k = 9)"),
        ("ean+se", "EAN + SE-Net"),
        ("se", "SE-Net"),
        ("none", "ResNet-20"),
        ("ela of theirs", "ela of theirs"),
        ("X", "X (theirs)"),
    ],
)
def test_an_imported_row_is_called_as_a_measured_one_would_be(label: str, shown: str) -> None:
    record = Imported(source="y", values={"top1": 93.0}, label=label, backbone="resnet20", dataset="digits")
    names = DisplayNames({"se": "SE-Net", "X": "X (theirs)"})
    table = comparison.build([], imports=[record], options=Options(names=names)).table
    assert [row.header for row in table.groups[0].rows] == [(shown,)]
