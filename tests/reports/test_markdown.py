"""Markdown, through a CommonMark renderer with GitHub's tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from attnctl.reports import markdown
from attnctl.reports.table import ReportTable, all_rows, one_line, texts
from tests.reports.report_tables import comparison, hostile, of_papers, published

PARSER = MarkdownIt("gfm-like", {"linkify": False})


def parsed(text: str) -> list[list[str]]:
    """The rows of the table: of each cell its text, without markup."""
    rows: list[list[str]] = []
    inside = False
    for token in PARSER.parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            inside = True
        elif token.type == "inline" and inside:
            rows[-1].append("".join(child.content for child in token.children or () if child.type != "html_inline"))
        elif token.type in {"th_close", "td_close"}:
            inside = False
    return rows


def expected(table: ReportTable) -> list[list[str]]:
    """What the model says each cell shows."""
    rows = [[*table.headers, *(column.full_heading for column in table.columns)]]
    for group in table.groups:
        if one_line(group.title):
            rows.append([group.title, *[""] * (len(rows[0]) - 1)])
        for row in group.rows:
            *words, last = row.header
            rows.append([*words, last + ",".join(row.marks)])
            for cell, (number, state) in zip(row.cells, texts(row, table.columns, " ± "), strict=True):
                marks = ",".join(cell.marks)
                rows[-1].append(f"{number}{marks} ({state})" if number and state else (number or state) + marks)
    return [[one_line(text) for text in row] for row in rows]


@pytest.mark.parametrize("table", [comparison(), published(), hostile()], ids=["comparison", "published", "hostile"])
def test_every_cell_is_rendered_as_in_the_table_model(table: ReportTable) -> None:
    assert parsed(markdown.render(table)) == expected(table)


def test_every_published_table_arrives() -> None:
    for table in of_papers().values():
        assert [row[: len(table.headers)] for row in parsed(markdown.render(table))] == [
            row[: len(table.headers)] for row in expected(table)
        ]


@given(st.text(max_size=30))
def test_any_text_is_escaped(words: str) -> None:
    plain = one_line(words).replace("\ufffd", "")
    table = hostile(plain)
    tokens = PARSER.parse(markdown.render(table))
    shown = [child for token in tokens if token.type == "inline" for child in token.children or ()]
    assert {child.type for child in shown} <= {
        "text",
        "text_special",
        "strong_open",
        "strong_close",
        "em_open",
        "em_close",
        "html_inline",
    }
    assert {child.content for child in shown if child.type == "html_inline"} <= {"<u>", "</u>", "<sup>", "</sup>"}
    assert parsed(markdown.render(table)) == expected(table)


def test_a_users_text_is_not_interpreted_as_markup() -> None:
    html = PARSER.render(markdown.render(hostile()))
    assert "<script" not in html
    assert "<h3>" in html
    assert "<ol>" not in html
    assert "<ul>" not in html
    assert html.count("<p>") == 3 + 1


def test_best_second_and_footnotes_are_marked() -> None:
    text = markdown.render(published())
    assert "**94.11 ± 1.02**<sup>a,b</sup>" in text
    assert "<u>93.40 ± 0.20</u>" in text
    assert "| +EAN<sup>c</sup> |" in text
    assert "\n<sup>c</sup> Replaces normalization; others are inserted.\n" in text
    assert "| Params (M) published |" in text
    assert len(parsed(text)) == 1 + 2 + len(list(all_rows(published())))
