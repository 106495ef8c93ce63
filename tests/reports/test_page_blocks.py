"""Which columns go into a block of their own."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from attnctl.reports.page_blocks import parted
from attnctl.reports.table import ReportTable, spans
from tests.reports.report_tables import comparison, of_papers, published, tables


@given(tables())
def test_blocks_contain_every_column_once_in_order_under_complete_headings(table: ReportTable) -> None:
    blocks = parted(table)
    assert tuple(column for block in blocks for column in block.columns) == table.columns
    assert [span for block in blocks for span in spans(block.columns)] == spans(table.columns)
    for block in blocks:
        assert [[row.header for row in group.rows] for group in block.groups] == [
            [row.header for row in group.rows] for group in table.groups
        ]
        assert all(len(row.cells) == len(block.columns) for group in block.groups for row in group.rows)


def test_a_table_that_fits_is_not_split() -> None:
    assert parted(comparison()) == [comparison()]
    assert parted(of_papers()["nam:3"]) == [of_papers()["nam:3"]]


def test_a_wide_table_continues_below() -> None:
    assert [[span.title for span in spans(block.columns)] for block in parted(published())] == [
        ["Params (M)", "C10 (%)"],
        ["C100 (%)"],
    ]


def test_a_long_table_is_not_made_longer_than_it_must_be() -> None:
    group = published().groups[0]
    long = replace(published(), groups=(replace(group, rows=group.rows * 12),))
    assert len(parted(long)) == 1
