"""All verdicts on a table: every printed number of a trained column, and the claims about it."""

from __future__ import annotations

import pytest

from attnctl import papers
from attnctl.reports.verdict import Finding, judge


@pytest.mark.parametrize("name", papers.names())
def test_each_printed_number_has_one_verdict_and_each_claim_belongs_to_its_table(name: str) -> None:
    paper = papers.load(name)
    claims = []
    for table in paper.tables.values():
        verdict = judge(paper, table, {})
        trained = [column.key for column in table.columns if column.kind == "run"]
        printed = [(row.name, key) for row in table.rows for key in trained if key in row.published]
        assert [(cell.row.name, cell.column.key) for cell in verdict.cells] == printed
        assert {cell.finding for cell in verdict.cells} <= {Finding.NOT_RUN}
        claims += [(item.number, item.claim) for item in verdict.claims]
        assert {item.claim.table for item in verdict.claims} <= {table.number}
    assert sorted(number for number, _ in claims) == list(range(1, len(paper.claims) + 1))
    assert all(paper.claims[number - 1] is claim for number, claim in claims)
