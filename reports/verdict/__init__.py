"""Whether the runs here bear a paper out: each published number, and each comparison that its text makes.

cells.py        a published number beside the confidence interval of ours
claims.py       a claim's comparisons, by the paired differences of runs that share a seed
judge.py        all cells and claims of a table or a paper
table.py        the verdict as tables of a report
"""

from attnctl.reports.verdict.cells import CellVerdict, Finding
from attnctl.reports.verdict.claims import ClaimVerdict, Comparison, Support
from attnctl.reports.verdict.judge import MARGIN, TableVerdict, judge
from attnctl.reports.verdict.table import summary, tables, together

__all__ = [
    "MARGIN",
    "CellVerdict",
    "ClaimVerdict",
    "Comparison",
    "Finding",
    "Support",
    "TableVerdict",
    "judge",
    "summary",
    "tables",
    "together",
]
