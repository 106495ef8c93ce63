"""A verdict as tables of a report: for each table of the paper its claims, then its cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from attnctl.papers import audit
from attnctl.papers.model import COUNTED
from attnctl.reports.footnotes import lettered
from attnctl.reports.replicates import BEST_ON_TEST, EQUAL
from attnctl.reports.statistics.means import Summary
from attnctl.reports.statistics.needed import MOST_SEEDS
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row
from attnctl.reports.verdict.cells import CellVerdict, Finding
from attnctl.reports.verdict.claims import ClaimVerdict, Comparison, Support
from attnctl.reports.verdict.judge import TableVerdict
from attnctl.units import plural, quantity
from attnctl.values import comma_join

COLUMNS = (
    ReportColumn(name="published", title="published"),
    ReportColumn(name="measured", title="measured", measured=True),
    ReportColumn(name="seeds", title="seeds", decimals=0),
    ReportColumn(name="verdict", title="verdict", kind="words"),
    ReportColumn(name="more", title="more seeds", kind="words"),
)
_HEADERS = ("row", "column")


def tables(verdicts: Sequence[TableVerdict]) -> list[ReportTable]:
    """A table of a report for each table of the paper that has anything to be judged."""
    return [
        _table([verdict], f"{verdict.table.paper}, table {verdict.table.number}", verdict.table.number)
        for verdict in verdicts
        if verdict.cells or verdict.claims
    ]


def together(verdicts: Sequence[TableVerdict]) -> ReportTable:
    """All of them as one table, for formats with one table in a file."""
    numbers = [verdict.table.number for verdict in verdicts]
    name = f"{verdicts[0].table.paper}, {plural(len(numbers), 'table')} {comma_join(numbers)}"
    return _table(verdicts, name, "-".join(numbers))


def summary(verdicts: Sequence[TableVerdict]) -> str:
    """The totals: `cells: 3 agree, 1 differs, 2 not settled, 30 not run; claims: 1 supported, 9 open`."""
    findings = Counter(cell.finding for verdict in verdicts for cell in verdict.cells)
    claims = Counter(claim.support for verdict in verdicts for claim in verdict.claims)
    shown = [finding for finding in Finding if finding is not Finding.NOT_COMPARED or findings[finding]]
    cells = ", ".join(f"{findings[finding]} {_verb(finding, findings[finding])}" for finding in shown)
    return f"cells: {cells}" + (
        f"; claims: {', '.join(f'{claims[support]} {support}' for support in Support)}" if claims else ""
    )


def _verb(finding: Finding, number: int) -> str:
    verbs = {Finding.AGREES: "agree", Finding.DIFFERS: "differ"}
    return verbs.get(finding, finding) if number != 1 else str(finding)


def _table(verdicts: Sequence[TableVerdict], name: str, number: str) -> ReportTable:
    groups = [group for verdict in verdicts for group in (*map(_claim, verdict.claims), *_groups(verdict))]
    notes = [f"{summary(verdicts)}.", *(note for verdict in verdicts for note in _notes(verdict))]
    made = ReportTable(
        title=f"{name}: verdict",
        label=f"tab:{verdicts[0].table.paper.lower()}-{number}-verdict",
        headers=_HEADERS,
        columns=COLUMNS,
        groups=tuple(groups),
        notes=tuple(dict.fromkeys(notes)),
    )
    return lettered(made)


# --------------------------------------------------------------------------------------------------------------- cells


def _groups(verdict: TableVerdict) -> Iterator[Group]:
    """The cells in the groups of the paper's table."""
    for _, members in groupby(verdict.cells, key=lambda cell: cell.row.on):
        cells = list(members)
        name = f"Table {verdict.table.number}"
        yield Group(
            title=f"{name}, {cells[0].row.group}" if cells[0].row.group else name,
            rows=tuple(_cell_row(cell) for cell in cells),
        )


def _cell_row(item: CellVerdict) -> Row:
    ours = item.measured
    seeds = ours.n if ours is not None else 0
    state = item.state if item.state != Finding.NOT_RUN else ""
    measured = Cell(
        value=ours.mean if ours is not None else None,
        interval=item.interval,
        n=seeds,
        state=state,
        runs=item.runs,
        marks=tuple(filter(None, (_elsewhere(item.elsewhere), item.candidates, _equal(ours)))),
    )
    finding = str(item.finding)
    if item.finding is Finding.NOT_SETTLED:
        finding = f"not settled with {quantity(seeds, 'seed')}"
    return Row(
        header=(item.row.name, item.column.title),
        cells=(
            Cell(value=item.published, printed=item.row.published[item.column.key]),
            measured,
            Cell(value=seeds or None, n=seeds),
            Cell(printed=finding),
            Cell(printed=_more(item.more, ours) if item.finding is Finding.NOT_SETTLED else ""),
        ),
    )


def _elsewhere(words: str) -> str:
    return f"measured with {words}, so not comparable with the published value" if words else ""


def _more(more: int | None, measured: Summary | None) -> str:
    """The number of seeds; with a single one, or with equal results, the spread is unknown."""
    if more is not None or measured is None:
        return "" if more is None else str(more)
    return "1 or more" if measured.n == 1 or measured.equal else f"over {MOST_SEEDS}"


def _equal(measured: Summary | None) -> str:
    """A footnote on results without an interval."""
    return EQUAL if measured is not None and measured.equal else ""


# -------------------------------------------------------------------------------------------------------------- claims


def _claim(item: ClaimVerdict) -> Group:
    on = f", with {item.elsewhere}" if item.elsewhere else ""
    return Group(
        title=f"Claim {item.number}: {item.support}{on}",
        rows=tuple(_comparison_row(comparison) for comparison in item.comparisons),
    )


def _comparison_row(item: Comparison) -> Row:
    ours = item.measured
    counted = item.column.metric in COUNTED
    seeds = ours.n if ours is not None and not counted else 0
    marks = [f"measured with {item.elsewhere}" if item.elsewhere else "", *item.unlike, _equal(ours)]
    unshown = item.printed is Support.CONTRADICTED
    return Row(
        header=(f"{item.better.name} against {item.other.name}", item.column.title),
        cells=(
            Cell(
                value=item.published,
                printed=_difference(item, item.published),
                marks=("the paper's own numbers do not show this",) if unshown else (),
            ),
            Cell(
                value=ours.mean if ours is not None else None,
                printed=_difference(item, ours.mean if ours is not None else None),
                interval=item.interval,
                n=seeds,
                state=item.state if item.state != Finding.NOT_RUN else "",
                runs=item.runs,
                marks=tuple(filter(None, marks)),
            ),
            Cell(value=seeds or None, n=seeds),
            Cell(printed=str(item.support)),
            Cell(printed=_more(item.more, ours) if seeds and item.support is Support.OPEN else ""),
        ),
    )


def _difference(item: Comparison, value: float | None) -> str:
    """With its sign, and of a count with its unit."""
    if value is None:
        return ""
    if item.column.metric not in COUNTED:
        return f"{value:+z.{item.column.decimals}f}"
    unit = next((name for name in ("G", "M", "K") if abs(value) >= audit.UNITS[name]), "")
    return f"{value / audit.UNITS[unit]:+.{3 if unit else 0}f}{unit}"


# --------------------------------------------------------------------------------------------------------------- notes


def _notes(verdict: TableVerdict) -> Iterator[str]:
    for item in verdict.claims:
        yield f"Claim {item.number}: “{item.claim.text}” ({item.claim.section})."
    yield from (f"Table {verdict.table.number}: {words}" for words in verdict.changed)
    if verdict.claims:
        yield (
            "Claims: the first row against the second, as a difference; of trained columns the mean difference of the "
            "runs that share a seed, with its 95 % confidence interval, of counted ones the exact difference. "
            "supported or contradicted: the interval excludes 0, in each comparison by itself. A claim is supported if "
            "all its comparisons are, and contradicted if one is."
        )
    if any(item.claim.most for item in verdict.claims):
        numbers = ", ".join(str(item.number) for item in verdict.claims if item.claim.most)
        yield f"Claim {numbers} is about most of its comparisons: more than half decide."
    if verdict.cells:
        yield (
            f"Cells: the mean over the seeds {_epoch(verdict)} with its 95 % confidence interval. agrees: the interval "
            f"lies within {verdict.margin:g} points of the published value; differs: it lies outside. "
            "more seeds: how many would settle it if the spread stays as it is."
        )
    if verdict.epoch == "best":
        yield f"Best epoch: {BEST_ON_TEST}, unless val_split holds images out."


def _epoch(verdict: TableVerdict) -> str:
    return "after the last epoch" if verdict.epoch == "last" else "in the best epoch"
