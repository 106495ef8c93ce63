"""The terminal: what it shows at any width, and the plain text of pipes."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from attnctl.reports import terminal
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row, all_rows
from tests.reports.report_tables import comparison, hostile, of_papers, published, tables


def shown(table: ReportTable, width: int) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    console.print(terminal.renderable(table))
    return stream.getvalue()


def test_headings_span_their_columns() -> None:
    lines = terminal.render(published()).splitlines()
    assert re.fullmatch(r" +─+ Params \(M\) ─+  ─+ C10 \(%\) ─+  ─+ C100 \(%\) ─+", lines[1])
    assert lines[2].split()[:6] == ["Architecture", "published", "as", "counted", "exact", "difference"]
    assert "  +EANᶜ" in lines[7]
    assert "94.11 ± 1.02ᵃ,ᵇ" in lines[7]
    assert "+1.09 [+0.78, +1.40]" in lines[7]
    assert "9.50 ± 1.25 (n=2 of 3: diverged)" in lines[6]
    assert lines[-3:] == [
        "ᵃ Global batch 64, others 128.",
        "ᵇ As fvcore counts, without activations.",
        "ᶜ Replaces normalization; others are inserted.",
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_number_is_broken_or_lost_at_any_width(width: int) -> None:
    text = shown(published(), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    for number in ("94.11 ± 1.02", "+1.09 [+0.78, +1.40]", "-64.60 [-64.91, -64.29]", "111.194", "75.30 ± 0.40"):
        assert number in text
    assert text.count("+EAN") == 2 * text.count("Architecture")


def test_a_row_whose_name_is_wider_than_the_terminal_is_folded_beside_its_numbers() -> None:
    name = "gate:Gate r=4 " + " ".join(f"option{number}=default" for number in range(9))
    row = Row(header=(name,), cells=(Cell(value=94.43, n=1, wanted=1),))
    column = ReportColumn(name="top1", title="top-1", unit="%", measured=True)
    table = ReportTable(title="", headers=("module",), columns=(column,), groups=(Group(title="", rows=(row,)),))
    text = shown(table, 80)
    assert all(cell_len(line) <= 80 for line in text.splitlines())
    assert "94.43" in text
    assert name.split() == [word for word in text.split() if word in name.split()]


def test_a_table_is_one_block_if_it_fits_and_continues_below_otherwise() -> None:
    assert shown(published(), 200).count("Architecture") == 1
    assert shown(published(), 80).count("Architecture") > 1
    assert shown(comparison(), 80).count("placement") == 1


def test_every_published_table_is_whole_at_eighty_columns() -> None:
    for table in of_papers().values():
        text = shown(table, 80)
        for _, row in all_rows(table):
            for cell, column in zip(row.cells, table.columns, strict=True):
                if column.kind == "number":
                    assert column.show_number(cell) in text


@given(tables(), st.integers(40, 200))
def test_any_table_can_be_shown(table: ReportTable, width: int) -> None:
    assert "\x1b" not in shown(table, width)
    terminal.render(table)


def test_best_is_bold_and_second_underlined() -> None:
    stream = io.StringIO()
    Console(file=stream, width=300, force_terminal=True, color_system="standard").print(
        terminal.renderable(published())
    )
    assert "\x1b[1m94.11 ± 1.02" in stream.getvalue()
    assert "\x1b[4m93.40 ± 0.20" in stream.getvalue()


def test_no_control_character_reaches_the_terminal() -> None:
    for output in (shown(hostile(), 300), terminal.render(hostile())):
        assert not any(char in output for char in "\x07\x1b")
        assert "<script>alert(1)</script>" in output


def test_a_mark_without_a_superscript_is_in_brackets() -> None:
    assert terminal.render(hostile()).count("ᵃ") > 2
    assert terminal._marks(("q", "aa", "1")) == "[q],ᵃᵃ,¹"
