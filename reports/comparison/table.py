"""The comparison table: the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from attnctl.db import RunRow
from attnctl.reports import fairness, pivot
from attnctl.reports.brief import brief, seeds_note
from attnctl.reports.comparison import imported_rows
from attnctl.reports.comparison.columns import LATENCY, Line, columns_of
from attnctl.reports.comparison.grouping import (
    Place,
    grouped,
    headers,
    newest_versions,
    of_sweeps,
    row_facts,
    varying_settings,
)
from attnctl.reports.comparison.metrics import always_right, primary
from attnctl.reports.comparison.notes import notes
from attnctl.reports.fairness import Compared
from attnctl.reports.footnotes import lettered
from attnctl.reports.ranking import ranked
from attnctl.reports.replicates import BEST_ON_TEST, Epoch, Metric, Replicates, has_gain
from attnctl.reports.report import Report, matching
from attnctl.reports.selection import (
    ALL,
    Options,
    asked_at,
    names_of,
    ordered,
    with_columns,
    with_decimals,
    with_places,
)
from attnctl.reports.significance import GAIN, symbols, wants_statistics, with_marks
from attnctl.reports.speeds import milliseconds, of_runs
from attnctl.reports.table import Fact, Group, ReportColumn, ReportTable, Row, all_rows
from attnctl.spec import NO_MODULE
from attnctl.units import quantity
from attnctl.workspace.records import Imported, Speed

BASELINE = "the plain backbone"
"""What gains are differences to."""


def build(
    rows: Sequence[RunRow],
    title: str = "",
    speeds: Sequence[Speed] = (),
    imports: Sequence[Imported] = (),
    options: Options = ALL,
    files: Mapping[str, str] | None = None,
    sweeps: Mapping[str, Sequence[str]] | None = None,
    asked: Sequence[str] = (),
    more: Mapping[str, Mapping[str, float]] | None = None,
) -> Report:
    """The table of these runs. Seeds become one row: mean, spread and their number. Raises SpecError.

    speeds: measurements of inference, newest first; where they are of these networks they become a column. files: where
    users' files were, by version (`newest_versions`). sweeps: those that stand beside each other, with their runs.
    asked: all runs in the order of the sweeps. more: column on request -> run -> value
    """
    rows = [row for row in rows if not options.seeds or row.seed in options.seeds]
    groups, varying = of_sweeps(rows, sweeps) if sweeps else grouped(rows), varying_settings(rows)
    with_placement = len({row.placement for row in rows if row.placement}) > 1
    fps, conditions = of_runs(rows, speeds)
    runs = {
        place: [_replicates(members) for members in lines]
        if options.all_versions
        else newest_versions(lines, files or {})
        for place, lines in groups.items()
    }
    several = any(item.wanted > 1 for lines in runs.values() for item in lines)
    more = {**(more or {}), **(_latency(fps) if _asks_for(options, LATENCY) else {})}
    every = columns_of(rows, several=several, gains=_gains(runs, options.epoch), fps=bool(fps), more=more)
    columns = with_decimals(every, options.decimals)
    made: dict[Place, list[tuple[str, Row]]] = {}
    warnings: list[str] = []
    without = (*fairness.RECIPE, *([fairness.PLACEMENT] if with_placement else []))
    for place, lines in runs.items():
        members = [item.rows for item in lines]
        typed = headers(members, varying, with_placement=with_placement)
        texts = headers(members, varying, options.names, with_placement=with_placement)
        facts = [row_facts(runs[0], varying, options.names) for runs in members]
        made[place], unfair = _lines(lines, map(_text, typed), texts, facts, columns, fps, more, options, without)
        warnings += [f"{place.title(options.names)}: {words}" for words in unfair]
    for place, imported in imported_rows.lines(
        imports, list(groups), columns, options.names, with_placement=with_placement
    ).items():
        made.setdefault(place, []).extend(imported)
    shown, names = _groups(made, columns, options, asked)
    table = ReportTable(
        title=title,
        headers=("module", "placement") if with_placement else ("module",),
        columns=columns,
        groups=tuple(shown),
    )
    detailed = options.statistics or wants_statistics(options.columns)
    table, tests = with_marks(table, BASELINE, statistics=detailed)
    older = list(_older(runs))
    fixed = always_right(rows)
    kept = [place for place, column in enumerate(columns) if column.name.removesuffix(GAIN) not in fixed]
    telling = with_places(table, kept)

    def with_notes(chosen: Sequence[str], more: str = "") -> ReportTable:
        found = with_columns(table, chosen) if chosen else telling
        said = [
            *notes(rows, varying, found, tests, options, several=several, fps=conditions, sweeps=sweeps or {}),
            *older,
        ]
        if options.pivot is not None:
            said += pivot.notes(found, options.pivot)
            said += [f"{words}." for words in pivot.unequal_seeds(found, options.pivot, options.names)]
            found = pivot.pivoted(found, options.pivot, options.names, unpaired=options.unpaired)
        return replace(lettered(found, symbols(BASELINE)), notes=(*said, *([more] if more else [])))

    if options.pivot is not None:
        made_table = with_notes(options.columns or pivot.deciding(table))
        warnings += pivot.unequal_seeds(table, options.pivot, options.names)
        headers_of = tuple(_text(row.header) for _, row in all_rows(made_table))
        return Report(table=made_table, names=headers_of, warnings=tuple(warnings))
    return Report(
        table=with_notes(options.columns),
        names=tuple(names),
        warnings=tuple(warnings),
        printed=None if options.columns else with_notes(brief(telling), seeds_note(table)),
    )


def _asks_for(options: Options, column: ReportColumn) -> bool:
    return any(word.partition(".")[0] == column.name for word in options.columns)


def _latency(fps: Mapping[str, float]) -> Mapping[str, Mapping[str, float]]:
    return {LATENCY.name: milliseconds(fps)} if fps else {}


def _older(runs: Mapping[Place, Sequence[Replicates]]) -> Iterator[str]:
    """The note on completed runs of older code."""
    count = sum(item.left_out for lines in runs.values() for item in lines)
    if count:
        yield f"{quantity(count, 'completed run')} of older code left out; --all-versions shows them with their dates."


def _replicates(members: Sequence[RunRow]) -> Replicates:
    return Replicates(rows=tuple(members), seeds=tuple(row.seed for row in members))


def _gains(runs: Mapping[Place, Sequence[Replicates]], epoch: Epoch) -> bool:
    """Whether a row and the plain backbone beside it are done, one of them over several seeds."""
    return any(
        has_gain(len(item.values(_metric(item, epoch))), len(plain.values(_metric(plain, epoch))))
        for lines in runs.values()
        if (plain := _plain(lines)) is not None
        for item in lines
        if item is not plain
    )


def _metric(runs: Replicates, epoch: Epoch) -> Metric:
    """The one that decides."""
    return Metric(name=primary(runs.rows[0]), epoch=epoch)


def _plain(lines: Sequence[Replicates]) -> Replicates | None:
    """That of the plain backbone."""
    return next((runs for runs in lines if runs.rows[0].module == NO_MODULE), None)


def _lines(
    lines: Sequence[Replicates],
    typed: Iterable[str],
    texts: Sequence[tuple[str, ...]],
    facts: Sequence[tuple[Fact, ...]],
    columns: Sequence[ReportColumn],
    fps: Mapping[str, float],
    more: Mapping[str, Mapping[str, float]],
    options: Options,
    without: Sequence[str],
) -> tuple[list[tuple[str, Row]], list[str]]:
    """The rows of a group by what is typed for them, and what is unfair among them. texts: what they show."""
    names = list(map(_text, texts))
    epoch = options.epoch
    compared = [Compared(name, runs.done(_metric(runs, epoch))) for name, runs in zip(names, lines, strict=True)]
    unfair = fairness.differences(compared, without)
    plain = _plain(lines)
    made = []
    for line_name, name, header, own, runs in zip(typed, names, texts, facts, lines, strict=True):
        chosen = (BEST_ON_TEST,) if epoch == "best" and not runs.rows[0].recipe.get("val_split") else ()
        line = Line(runs=runs, plain=plain, fps=fps, more=more, epoch=epoch, unpaired=options.unpaired, marks=chosen)
        marks = tuple(found.rows[name] for found in unfair if name in found.rows)
        settings = tuple(sorted(runs.rows[0].hyperparameters.items()))
        cells = tuple(line.cells(columns))
        made.append((line_name, Row(header=header, cells=cells, marks=marks, settings=settings, facts=own)))
    return made, [found.warning for found in unfair]


def _text(header: Sequence[str]) -> str:
    return " ".join(filter(None, header))


def _groups(
    made: Mapping[Place, Sequence[tuple[str, Row]]],
    columns: Sequence[ReportColumn],
    options: Options,
    asked: Sequence[str],
) -> tuple[list[Group], list[str]]:
    """The groups with the rows that are shown, and the names of these."""
    every = [line for lines in made.values() for line in lines]
    known = dict.fromkeys(name for line in every for name in names_of(line))
    wanted = set(matching(list(known), options.rows))
    groups, names = [], []
    places = {run: number for number, run in enumerate(asked)}
    if options.order == "asked":
        made = dict(sorted(made.items(), key=lambda item: asked_at([row for _, row in item[1]], places)))
    for place, lines in made.items():
        kept = ordered(
            [line for line in lines if not wanted.isdisjoint(names_of(line))],
            columns,
            options,
            places,
        )
        if kept:
            groups.append(
                Group(
                    title=place.title(options.names),
                    facts=place.facts(options.names),
                    rows=ranked([row for _, row in kept], columns, unpaired=options.unpaired),
                )
            )
            names += [name for name, _ in kept]
    return groups, names
