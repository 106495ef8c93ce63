"""A published number beside ours: whether they agree within a margin, as far as the seeds can tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from attnctl import papers
from attnctl.reports.published.candidates import Chosen
from attnctl.reports.published.cells import metric_of, number_of, waiting
from attnctl.reports.replicates import NOT_RUN, Epoch
from attnctl.reports.statistics.means import Summary, interval
from attnctl.reports.statistics.needed import more_seeds


class Finding(StrEnum):
    """What the runs say about a published number."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_SETTLED = "not settled"
    NOT_COMPARED = "not compared"
    """Measured on another data set or network."""
    NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class CellVerdict:
    """A published number, and what was measured.

    interval: the 95 % confidence interval of the mean; None with fewer than two seeds. more: how many more seeds would
    settle it, by the spread so far; None if that cannot be told. state: what the runs do that are not done.
    elsewhere: the data set or network that ours is measured on instead of the paper's, so that the two cannot be
    compared. candidates: which of several trainings counts, and how it was chosen. runs: the ids behind the mean
    """

    row: papers.Row
    column: papers.PaperColumn
    published: float
    finding: Finding
    measured: Summary | None = None
    interval: tuple[float, float] | None = None
    more: int | None = None
    state: str = ""
    elsewhere: str = ""
    candidates: str = ""
    runs: tuple[str, ...] = ()


def judge_cell(
    row: papers.Row, column: papers.PaperColumn, chosen: Chosen | None, epoch: Epoch, margin: float
) -> CellVerdict | None:
    """The verdict on a cell of a trained column; None if the paper prints no number there.

    margin: in the column's unit; the published value, plus or minus this, is what ours must lie in
    """
    published = number_of(row.published.get(column.key, ""), column)
    if published is None:
        return None
    if chosen is None or not chosen.cells.variants:
        reason = chosen.cells.reason if chosen is not None else waiting(row) if row.setup.waits else NOT_RUN
        return CellVerdict(row=row, column=column, published=published, finding=Finding.NOT_RUN, state=reason)
    metric = metric_of(column, epoch)
    measured = chosen.runs.summary(metric)
    elsewhere = chosen.cells.elsewhere.get(column.key, "")
    found = Finding.NOT_RUN
    if measured is not None:
        found = Finding.NOT_COMPARED if elsewhere else _finding(published, interval(measured), margin)
    return CellVerdict(
        row=row,
        column=column,
        published=published,
        finding=found,
        measured=measured,
        interval=interval(measured) if measured is not None else None,
        more=_more(published, measured, margin) if measured is not None and found is Finding.NOT_SETTLED else None,
        state=chosen.runs.state(measured.n if measured is not None else 0),
        elsewhere=elsewhere if measured is not None else "",
        candidates=chosen.note,
        runs=tuple(run.id for run in chosen.runs.done(metric)),
    )


def _finding(published: float, ours: tuple[float, float] | None, margin: float) -> Finding:
    if ours is None:
        return Finding.NOT_SETTLED
    low, high = ours
    if _at_least(low, published - margin) and _at_least(published + margin, high):
        return Finding.AGREES
    if low > published + margin or high < published - margin:
        return Finding.DIFFERS
    return Finding.NOT_SETTLED


def _at_least(first: float, second: float) -> bool:
    """Whether first >= second, up to the rounding of floats: 70.3 - 0.3 is less than 70.0."""
    return first >= second - 1e-9


def _more(published: float, measured: Summary, margin: float) -> int | None:
    return more_seeds(measured, lambda ours: _finding(published, ours, margin) is not Finding.NOT_SETTLED)
