"""Columns of the comparison."""

from __future__ import annotations

import pytest

from attnctl.reports import comparison
from attnctl.reports.selection import Options
from attnctl.reports.table import Cell
from tests.reports.comparison.compared import cell, three_seeds
from tests.reports.report_rows import rows


def test_several_seeds_show_the_gain_over_the_plain_backbone() -> None:
    table = comparison.build(three_seeds()).table
    assert [column.name for column in table.columns][:4] == ["top1", "top1.gain", "top5", "top5.gain"]
    gain = cell(table, "ela", "top1.gain")
    assert gain.value == pytest.approx(94.333 - 91, abs=1e-3)
    assert gain.value is not None
    assert gain.interval is not None
    assert gain.interval[0] < gain.value < gain.interval[1]
    assert cell(table, "none", "top1.gain") == Cell()
    assert "top1.gain" not in [column.name for column in comparison.build(rows([1.0, 2.0])).table.columns]
    alone = comparison.build(rows([1.0, 2.0, 3.0], ("ela",), ("0", "1", "2"))).table
    assert "top1.gain" not in [column.name for column in alone.columns]


def test_columns_are_chosen_with_the_notes_about_them() -> None:
    table = comparison.build(three_seeds(), options=Options(columns=("params", "top1"))).table
    assert [column.name for column in table.columns] == ["params", "top1", "top1.gain"]
    only = comparison.build(three_seeds(), options=Options(columns=("macs",))).table
    assert not any("accuracy" in note or "gain" in note for note in only.notes)
