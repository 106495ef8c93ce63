"""A paper's table, what was measured beside what is published.

columns.py      a paper's column as neighbouring columns of ours
candidates.py   of a row with several trainings, the one that counts
cells.py        one cell: published, measured, exact, difference
fairness.py     whether the rows of a group were trained alike
extra_rows.py   runs with the recipe of a row that are no row of the table
initial_weights.py  the runs from which rows start
notes.py        what stands under the table
table.py        the whole
"""

from attnctl.reports.published.table import build, runs_of

__all__ = ["build", "runs_of"]
