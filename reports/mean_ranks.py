"""The rows of a comparison over all of its groups: average, mean rank, wins and losses, and the tests of ranks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from attnctl.reports.statistics.means import ROUNDING
from attnctl.reports.statistics.ranks import Friedman, against, critical_difference, friedman, mean_ranks, ranks
from attnctl.reports.statistics.sign_flip import LEVEL
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Rows that all groups have. scores: of each group, those of the rows. baseline: its place among the rows."""

    column: ReportColumn
    groups: tuple[str, ...]
    names: tuple[str, ...]
    scores: tuple[tuple[float, ...], ...]
    runs: tuple[tuple[str, ...], ...]
    baseline: int | None
    left_out: tuple[str, ...]

    @property
    def ranks(self) -> list[list[float]]:
        """Of each group, the ranks of the rows."""
        return ranks(self.scores, lower=self.column.better == "lower")

    @property
    def friedman(self) -> Friedman:
        """Whether the rows differ at all."""
        return friedman(self.ranks)

    @property
    def distance(self) -> float:
        """Nemenyi's critical difference."""
        return critical_difference(len(self.names), len(self.groups))


def ranking(report: ReportTable, metric: str, plain: Collection[str]) -> Ranking:
    """The ranking of a comparison's rows. plain: ids of runs of the plain backbone. Raises SpecError if it has too few.

    Rows that some group lacks are left out.
    """
    place = [column.name for column in report.columns].index(metric)
    found = [
        {_name(row, place, plain): row.cells[place] for row in group.rows if row.cells[place].value is not None}
        for group in report.groups
    ]
    found = [cells for cells in found if len(cells) > 1]
    titles = tuple(group.title for group in report.groups if _measured(group, place) > 1)
    if len(found) < 2:
        raise SpecError(f"ranks need two groups or more (data sets or backbones) with two rows; there is {len(found)}")
    every = dict.fromkeys(name for cells in found for name in cells)
    names = tuple(name for name in every if all(name in cells for cells in found))
    if len(names) < 2:
        raise SpecError("ranks need two rows that are completed in every group (data set or backbone)")
    runs = tuple(tuple(run for cells in found for run in cells[name].runs) for name in names)
    baseline = names.index(PLAIN) if PLAIN in names else None
    return Ranking(
        column=report.columns[place],
        groups=titles,
        names=names,
        scores=tuple(tuple(_value(cells[name]) for name in names) for cells in found),
        runs=runs,
        baseline=baseline,
        left_out=tuple(name for name in every if name not in names),
    )


def _name(row: Row, place: int, plain: Collection[str]) -> str:
    """What a row is called in every group: that of the plain backbone has a name of its own in each."""
    return PLAIN if set(row.cells[place].runs) & set(plain) else " ".join(row.header)


def _measured(group: Group, place: int) -> int:
    return sum(row.cells[place].value is not None for row in group.rows)


def _value(cell: Cell) -> float:
    assert cell.value is not None
    return cell.value


def table(found: Ranking, title: str) -> ReportTable:
    """The rows by their mean rank."""
    means = mean_ranks(found.ranks)
    p = against(found.ranks, found.baseline) if found.baseline is not None else None
    column = found.column
    own = [
        ReportColumn(name="average", title=f"average {column.title}", unit=column.unit, better=column.better),
        ReportColumn(name="rank", title="mean rank", better="lower"),
    ]
    if p is not None:
        own += [
            ReportColumn(name="wins", title="wins/ties/losses", kind="words"),
            ReportColumn(name="p", title="p", decimals=4),
        ]
    rows = []
    for at in sorted(range(len(means)), key=lambda place: means[place]):
        average = sum(scores[at] for scores in found.scores) / len(found.scores)
        cells = [Cell(value=average, runs=found.runs[at]), Cell(value=means[at])]
        if p is not None:
            cells += [Cell(printed=_wins(found, at)), Cell(value=p[at] if at != found.baseline else None)]
        rows.append(Row(header=(found.names[at],), cells=tuple(cells)))
    return ReportTable(
        title=title,
        headers=("module",),
        columns=tuple(own),
        groups=(Group(title=f"over {quantity(len(found.groups), 'group')}", rows=tuple(rows)),),
        notes=tuple(_notes(found)),
    )


def _wins(found: Ranking, at: int) -> str:
    """Against the baseline, by groups: `3/0/1`; nothing for itself."""
    if found.baseline is None or at == found.baseline:
        return ""
    sign = -1 if found.column.better == "lower" else 1
    gaps = [sign * (scores[at] - scores[found.baseline]) for scores in found.scores]
    wins, losses = sum(gap > ROUNDING for gap in gaps), sum(gap < -ROUNDING for gap in gaps)
    return f"{wins}/{len(gaps) - wins - losses}/{losses}"


def _notes(found: Ranking) -> Iterator[str]:
    test = found.friedman
    yield f"Groups: {'; '.join(found.groups)}. Rank 1 is the best; equal rows share the mean of their ranks."
    yield (
        f"Friedman's test over {len(found.groups)} groups and {len(found.names)} rows: chi-squared = {test.chi2:.2f}, "
        f"Iman and Davenport's F = {test.f:.2f}, p = {test.p:.3g}."
    )
    yield f"Nemenyi: rows whose mean ranks differ by {found.distance:.2f} or more differ significantly (p < {LEVEL:g})."
    if found.baseline is not None:
        yield (
            f"wins/ties/losses and p: against {found.names[found.baseline]}; p by mean ranks, with Holm's correction."
        )
    if found.left_out:
        yield f"Not completed in every group, so left out: {comma_join(found.left_out)}."
    if len(found.groups) < LEAST:
        yield f"Tests of ranks over fewer than {LEAST} groups find little; Demsar (2006) advises more than 10."


PLAIN = "no attention"
"""The row of the plain backbones."""

LEAST = 5
"""Groups below which the note says that the tests find little."""
