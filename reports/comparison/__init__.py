"""The comparison table: attention modules against the plain backbone, for each backbone and data set.

grouping.py     which runs are a row, which rows a group, and what they are called
metrics.py      what is shown of a run, by its task
columns.py      the metrics, the cost, and the cells
elsewhere.py    rows of numbers that were imported
notes.py        what stands under the table
table.py        the whole
"""

from attnctl.reports.comparison.grouping import own_versions
from attnctl.reports.comparison.table import build

__all__ = ["build", "own_versions"]
