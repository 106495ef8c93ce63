"""A claim of a paper, tested by its comparisons: the paired differences of runs that share a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from attnctl import papers
from attnctl.papers import audit, counts
from attnctl.papers.model import COUNTED
from attnctl.reports import fairness
from attnctl.reports.fairness import Compared
from attnctl.reports.published.candidates import Chosen
from attnctl.reports.published.cells import metric_of, number_of
from attnctl.reports.replicates import NOT_RUN, Epoch
from attnctl.reports.statistics.gains import paired
from attnctl.reports.statistics.means import Summary, interval
from attnctl.reports.statistics.needed import more_seeds
from attnctl.values import SpecError

Runs = Mapping[tuple[str, str], Chosen]
"""What fills a cell, by its row's name and its column's key."""


class Support(StrEnum):
    """What the runs say about a claim, or about one of its comparisons."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two rows in a column. better: the row that the claim calls better; other: the one that it is compared with.

    higher: whether the claim calls the higher value better. published: the difference of the printed numbers, better
    minus other. measured: the differences of runs that share a seed; of counted columns the exact difference. interval:
    its 95 % confidence interval. elsewhere: the data set or network that both are measured on instead of the paper's.
    state: why there is no difference. unlike: in what the two were not trained alike
    """

    better: papers.Row
    other: papers.Row
    column: papers.PaperColumn
    higher: bool
    support: Support
    published: float | None = None
    measured: Summary | None = None
    interval: tuple[float, float] | None = None
    more: int | None = None
    elsewhere: str = ""
    state: str = ""
    unlike: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def printed(self) -> Support:
        """Whether the paper's own numbers show it."""
        return Support.OPEN if self.published is None else _sign(self.published, higher=self.higher)


@dataclass(frozen=True, kw_only=True)
class ClaimVerdict:
    """A claim with its comparisons. number: its place in the paper's file, from 1."""

    number: int
    claim: papers.Claim
    comparisons: tuple[Comparison, ...]

    @property
    def support(self) -> Support:
        """Supported by all comparisons, or contradicted by any; of a claim about most of them, by more than half."""
        total = len(self.comparisons)
        supported, contradicted = (
            sum(item.support is support for item in self.comparisons)
            for support in (Support.SUPPORTED, Support.CONTRADICTED)
        )
        share = Fraction(1, 2)
        if supported > share * total if self.claim.most else supported == total:
            return Support.SUPPORTED
        if contradicted >= share * total if self.claim.most else contradicted:
            return Support.CONTRADICTED
        return Support.OPEN

    @property
    def elsewhere(self) -> str:
        """What its comparisons are measured on instead of the paper's data set or network; empty if nothing."""
        return ", ".join(dict.fromkeys(item.elsewhere for item in self.comparisons if item.elsewhere))


def judge_claim(number: int, claim: papers.Claim, table: papers.PaperTable, chosen: Runs, epoch: Epoch) -> ClaimVerdict:
    """The verdict on a claim about a table. chosen: the runs that fill the table's cells."""
    rows = {row.name: row for row in table.rows}
    columns = {column.key: column for column in table.columns}
    comparisons = tuple(
        _comparison(rows[better], rows[other], columns[key], direction == "higher", chosen, epoch)
        for better, other in claim.pairs
        for key, direction in claim.columns.items()
    )
    return ClaimVerdict(number=number, claim=claim, comparisons=comparisons)


def _comparison(
    better: papers.Row, other: papers.Row, column: papers.PaperColumn, higher: bool, chosen: Runs, epoch: Epoch
) -> Comparison:
    read = _printed_count if column.metric in COUNTED else _printed_number
    printed = [read(row, column) for row in (better, other)]
    unsettled = Comparison(
        better=better,
        other=other,
        column=column,
        higher=higher,
        support=Support.OPEN,
        published=printed[0] - printed[1] if None not in printed else None,  # type: ignore[operator]
    )
    return _counted(unsettled) if column.metric in COUNTED else _trained(unsettled, chosen, epoch)


def _printed_number(row: papers.Row, column: papers.PaperColumn) -> float | None:
    return number_of(row.published.get(column.key, ""), column)


def _printed_count(row: papers.Row, column: papers.PaperColumn) -> float | None:
    try:
        number, unit, _ = audit.read(row.published.get(column.key, ""), audit.unit_of(row.setup_of(column), column))
    except SpecError:
        return None
    return float(number * audit.UNITS[unit])


def _counted(item: Comparison) -> Comparison:
    """By exact counts, which need no runs."""
    column = item.column
    ours, theirs = (counts.of(row.setup_of(column), column) for row in (item.better, item.other))
    if ours is None or theirs is None:
        return replace(item, state="cannot be built")
    difference = float(ours.exact - theirs.exact)
    return replace(item, support=_sign(difference, higher=item.higher), measured=Summary(difference, None, 1))


def _trained(item: Comparison, chosen: Runs, epoch: Epoch) -> Comparison:
    """By the runs of both rows that share a seed."""
    key = item.column.key
    ours, theirs = (chosen.get((row.name, key)) for row in (item.better, item.other))
    if ours is None or theirs is None:
        return replace(item, state=NOT_RUN)
    metric = metric_of(item.column, epoch)
    places = [side.cells.elsewhere.get(key, "") for side in (ours, theirs)]
    values = [side.runs.by_seed(metric) for side in (ours, theirs)]
    measured = paired(*values) if places[0] == places[1] else None
    if measured is None:
        return replace(item, state=_why_not(places, values))
    shared = values[0].keys() & values[1].keys()
    done = [[run for run in side.runs.done(metric) if run.seed in shared] for side in (ours, theirs)]
    found = interval(measured)
    support = _support(found, higher=item.higher)

    def settles(other: tuple[float, float]) -> bool:
        return _support(other, higher=item.higher) is not Support.OPEN

    return replace(
        item,
        support=support,
        measured=measured,
        interval=found,
        more=more_seeds(measured, settles) if support is Support.OPEN else None,
        elsewhere=places[0],
        unlike=_unlike(Compared(item.better.name, done[0], ours.rule), Compared(item.other.name, done[1], theirs.rule)),
        runs=tuple(run.id for runs in done for run in runs),
    )


def _unlike(*sides: Compared) -> tuple[str, ...]:
    """In what the two were not trained alike; where modules stand is the rows' own matter."""
    found = fairness.differences(sides, (fairness.PLACEMENT, fairness.WAY))
    return tuple(item.warning for item in found)


def _why_not(places: Sequence[str], values: Sequence[Mapping[int, float]]) -> str:
    """Why two rows have no paired difference."""
    if not all(values):
        return NOT_RUN
    if places[0] != places[1]:
        return "measured on different data or networks"
    return "no seed in common"


def _support(found: tuple[float, float] | None, *, higher: bool) -> Support:
    if found is None or found[0] <= 0 <= found[1]:
        return Support.OPEN
    return _sign(found[0], higher=higher)


def _sign(difference: float, *, higher: bool) -> Support:
    """By the sign of an exact difference; equal values contradict a claim that one is better."""
    better = difference > 1e-9 if higher else difference < -1e-9
    return Support.SUPPORTED if better else Support.CONTRADICTED
