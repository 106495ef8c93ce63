"""Which rows and columns go into a part of their own."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from attnctl.reports.page_blocks import HEIGHT, LINE, characters, parted
from attnctl.reports.table import ReportColumn, ReportTable, spans
from tests.reports.report_tables import comparison, of_papers, published, tables


@given(tables())
def test_parts_contain_every_cell_once_in_order(table: ReportTable) -> None:
    parts = parted(table)
    whole = [(group.title, row.header) for group in table.groups for row in group.rows]
    columns: list[ReportColumn] = []
    rows: list[tuple[str, tuple[str, ...]]] = []
    for part in parts:
        if not rows:
            columns += part.columns
        rows += [(group.title, row.header) for group in part.groups for row in group.rows]
        assert all(len(row.cells) == len(part.columns) for group in part.groups for row in group.rows)
        if len(rows) == len(whole):
            assert rows == whole
            rows = []
    assert tuple(columns) == table.columns
    assert not rows


def test_columns_under_one_heading_stay_together_where_they_fit() -> None:
    for table in (published(), *of_papers().values()):
        for part in parted(table):
            assert characters(part) <= LINE
            for span in spans(part.columns):
                if not span.title:
                    continue
                whole = next(other for other in spans(table.columns) if other.title == span.title)
                alone = replace(table, columns=whole.columns, groups=())
                assert span == whole or characters(alone) + 20 > LINE, span.title


def test_a_table_that_fits_is_not_split() -> None:
    assert parted(comparison()) == [comparison()]
    assert parted(of_papers()["ela:1"]) == [of_papers()["ela:1"]]


def test_a_wide_table_continues_below() -> None:
    assert [[span.title for span in spans(part.columns)] for part in parted(published())] == [
        ["Params (M)"],
        ["C10 (%)"],
        ["C100 (%)"],
    ]


def test_a_long_table_continues_on_the_next_page_also_in_the_middle_of_a_group() -> None:
    group = published().groups[0]
    long = replace(comparison(), groups=(replace(group, rows=comparison().groups[0].rows * 30),), notes=())
    parts = parted(long)
    assert [len(part.groups[0].rows) for part in parts] == [HEIGHT - 1, HEIGHT - 1, 120 - 2 * (HEIGHT - 1)]
    assert {part.groups[0].title for part in parts} == {group.title}
