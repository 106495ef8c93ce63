"""All verdicts on a paper's table: its printed numbers, and the claims about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnctl import papers
from attnctl.reports.replicates import Epoch
from attnctl.reports.verdict.cells import CellVerdict, judge_cell
from attnctl.reports.verdict.claims import ClaimVerdict, Runs, judge_claim

MARGIN = 0.3
"""How far a mean may lie from the published value and still agree with it, in points."""


@dataclass(frozen=True, kw_only=True)
class TableVerdict:
    """The verdicts on a table. changed: how its runs here differ from the paper's, a line for each setting."""

    table: papers.PaperTable
    cells: tuple[CellVerdict, ...]
    claims: tuple[ClaimVerdict, ...]
    margin: float
    epoch: Epoch = "last"
    changed: tuple[str, ...] = ()


def judge(
    paper: papers.Paper,
    table: papers.PaperTable,
    chosen: Runs,
    *,
    margin: float = MARGIN,
    epoch: Epoch = "last",
    changed: Sequence[str] = (),
) -> TableVerdict:
    """The verdicts on a table. chosen: the runs that fill its cells, as `attnctl.reports.published.runs_of` finds them.

    margin: in points, for `agrees` and `differs`
    """
    cells = [
        verdict
        for row in table.rows
        for column in table.columns
        if column.kind == "run"
        and (verdict := judge_cell(row, column, chosen.get((row.name, column.key)), epoch, margin)) is not None
    ]
    claims = [
        judge_claim(number, claim, table, chosen, epoch)
        for number, claim in enumerate(paper.claims, 1)
        if claim.table == table.number
    ]
    return TableVerdict(
        table=table, cells=tuple(cells), claims=tuple(claims), margin=margin, epoch=epoch, changed=tuple(changed)
    )
