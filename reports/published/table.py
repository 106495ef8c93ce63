"""A paper's table, what was measured beside what is published: the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from attnctl import papers
from attnctl.db import RunRow
from attnctl.papers.runs import Cells, chosen_rows
from attnctl.reports.footnotes import lettered, partial_loads
from attnctl.reports.published import initial_weights, overridden
from attnctl.reports.published.candidates import Chosen, choose
from attnctl.reports.published.cells import Material, metric_of
from attnctl.reports.published.columns import Shown, columns_of
from attnctl.reports.published.extra_rows import Extra, extra_rows, with_rows
from attnctl.reports.published.fairness import compared
from attnctl.reports.published.notes import notes
from attnctl.reports.ranking import ranked
from attnctl.reports.replicates import has_gain
from attnctl.reports.report import Report
from attnctl.reports.selection import ALL, Options, ordered, with_columns, with_decimals
from attnctl.reports.significance import symbols, wants_statistics, with_marks
from attnctl.reports.speeds import of_specs
from attnctl.reports.table import Group, ReportTable, Row
from attnctl.spec import RunSpec
from attnctl.workspace.records import Imported, Speed

Runs = Mapping[tuple[str, str], Chosen]
"""What fills a cell, by its row's name and its column's key."""

BASELINE = "the group's plain network"
"""What gains are differences to."""


def build(
    table: papers.PaperTable,
    cells: Sequence[Cells],
    found: Mapping[str, Sequence[RunRow]],
    *,
    asked: bool = False,
    speeds: Sequence[Speed] = (),
    imports: Sequence[Imported] = (),
    others: Iterable[RunRow] = (),
    options: Options = ALL,
) -> Report:
    """The table. Raises SpecError for a row, column or order that there is not.

    cells: the runs that fill it. found: what became of them, by family. asked: whether sweeps of it asked for them, so
    that seeds without a run are missing. speeds: measurements of inference, newest first. others: runs of which those
    with the recipe of a row that are no row stand below the table
    """
    extra = extra_rows(table, cells, others)
    papers_table, table = table, with_rows(table, extra)
    chosen = runs_of(table, cells, found, options, asked=asked) | runs_of(table, extra.cells, extra.found, options)
    fps, conditions = of_specs(_networks(chosen), speeds) if _has_fps(table) else ({}, "")
    material = Material(
        table=table,
        chosen=chosen,
        fps=fps,
        imports=imports,
        epoch=options.epoch,
        unpaired=options.unpaired,
        extra=extra,
    )
    gains = _gains(table, chosen, options, extra)
    every = columns_of(papers_table, gains=gains, elsewhere=_elsewhere(papers_table, cells, imports))
    rounded = with_decimals([item.column for item in every], options.decimals)
    shown = [replace(item, column=column) for item, column in zip(every, rounded, strict=True)]
    usual = overridden.usual(cells)
    marks = [overridden.footnotes(cells, usual), initial_weights.footnotes(chosen)]
    groups, names, warnings = _groups(table, material, shown, options, marks)
    whole = ReportTable(
        title=f"{table.paper}, table {table.number}: {table.caption}",
        label=f"tab:{table.paper.lower()}-{table.number}",
        headers=(table.header or "row",),
        columns=tuple(item.column for item in shown),
        groups=tuple(groups),
    )
    statistics = options.statistics or wants_statistics(options.columns)
    whole, tests = with_marks(whole, BASELINE, statistics=statistics)
    made = lettered(with_columns(whole, options.columns), symbols(BASELINE))
    visible = [item for item in shown if item.column in made.columns]
    changed = overridden.note(usual, cells)
    said = notes(
        table,
        made,
        tests,
        visible,
        chosen.values(),
        options=options,
        changed=changed,
        fps=conditions,
        extra=bool(extra.rows),
        replaced=bool(usual.dataset or usual.model or usual.recipe),
    )
    started = {name: spec.init for name, spec in _networks(chosen).items()}
    return Report(
        table=replace(made, notes=(*said, *partial_loads(started))), names=tuple(names), warnings=tuple(warnings)
    )


def runs_of(
    table: papers.PaperTable,
    cells: Sequence[Cells],
    found: Mapping[str, Sequence[RunRow]],
    options: Options,
    *,
    asked: bool = False,
) -> dict[tuple[str, str], Chosen]:
    """The runs that fill each cell. Of several trainings that counts which is best in the first trained column.

    asked: whether sweeps of the table asked for the seeds of these cells
    """
    trained = [column for column in table.columns if column.kind == "run"]
    chosen = {}
    for item in cells:
        metrics = [metric_of(column, options.epoch) for column in trained if column.key in item.columns]
        if metrics:
            runs = choose(item, found, metrics[0], options.seeds, item.seeds if asked else ())
            chosen.update({(item.row.name, key): runs for key in item.columns})
    return chosen


def _elsewhere(table: papers.PaperTable, cells: Sequence[Cells], imports: Sequence[Imported]) -> set[str]:
    """The columns in which all numbers are measured on other data or networks than the paper's."""
    if any(record.table == table.name for record in imports):
        return set()
    keys = {key for item in cells for key in item.columns}
    return {key for key in keys if all(key in item.elsewhere for item in cells if key in item.columns)}


def _networks(chosen: Runs) -> dict[str, RunSpec]:
    """By row's name, what its network is."""
    return {name: item.spec for (name, _), item in reversed(list(chosen.items())) if item.spec is not None}


def _has_fps(table: papers.PaperTable) -> bool:
    return any(column.kind == "fps" for column in table.columns)


def _gains(table: papers.PaperTable, chosen: Runs, options: Options, extra: Extra) -> bool:
    """Whether a row and its group's plain network are done, one of them over several seeds."""
    metrics = {column.key: metric_of(column, options.epoch) for column in table.columns if column.kind == "run"}
    done = {place: len(item.runs.values(metrics[place[1]])) for place, item in chosen.items() if place[1] in metrics}
    plain = {(row.on, key): done.get((row.name, key), 0) for row in table.rows for key in metrics if row.baseline}
    return any(
        has_gain(done.get((row.name, key), 0), plain.get((extra.parents.get(row.on, row.on), key), 0))
        for row in table.rows
        for key in metrics
        if not row.baseline
    )


def _groups(
    table: papers.PaperTable,
    material: Material,
    shown: Sequence[Shown],
    options: Options,
    marks: Sequence[Mapping[str, str]],
) -> tuple[list[Group], list[str], list[str]]:
    """The groups, the names of their rows, and the warnings. marks: footnotes by row."""
    wanted = {row.name for row in chosen_rows(table, options.rows)}
    trained = [column for column in table.columns if column.kind == "run"]
    columns = [item.column for item in shown]
    groups, names, warnings = [], [], []
    for _, members in groupby(table.rows, key=lambda row: row.on):
        rows = list(members)
        siblings = _siblings(table, rows[0].on, material.extra)
        kept = [row.name for row in (*siblings, *rows) if row.name in wanted]
        unfair = compared(kept, trained, material.chosen, options.epoch)
        plain = next((row for row in (*siblings, *rows) if row.baseline), None)
        lines = [
            (name, unfair.marked(name, _with_marks(line, [own[name] for own in marks if name in own]), shown))
            for name, line in _lines(rows, plain, shown, material)
            if name in wanted
        ]
        lines = ordered(lines, columns, options, {})
        if lines:
            groups.append(
                Group(title=rows[0].group, rows=ranked([line for _, line in lines], columns, unpaired=options.unpaired))
            )
            names += [name for name, _ in lines]
            warnings += [f"{rows[0].group or table.name}: {words}" for words in unfair.warnings]
    return groups, names, warnings


def _siblings(table: papers.PaperTable, on: str, extra: Extra) -> list[papers.Row]:
    """The rows of the table's group that stands above a group of extra rows; none above the table's own groups."""
    return [row for row in table.rows if row.on == extra.parents[on]] if on in extra.parents else []


def _lines(
    rows: Sequence[papers.Row], plain: papers.Row | None, shown: Sequence[Shown], material: Material
) -> list[tuple[str, Row]]:
    """The rows of a group, each with its name. plain: the row that they are compared with."""
    ours = {item.of.key: item for item in reversed(shown)} | {
        item.of.key: item for item in shown if item.part == "measured"
    }
    filled = {
        (row.name, key): material.fill(row, item)
        for row in (*rows, *([plain] if plain is not None and plain not in rows else []))
        for key, item in ours.items()
    }
    return [
        (
            row.name,
            Row(
                header=(row.printed,),
                cells=tuple(
                    filled[row.name, item.of.key].part(
                        item, filled[plain.name, item.of.key] if plain else None, unpaired=material.unpaired
                    )
                    for item in shown
                ),
                marks=_marks(row),
                cite=row.cite,
            ),
        )
        for row in rows
    ]


def _with_marks(row: Row, texts: Sequence[str]) -> Row:
    return replace(row, marks=(*row.marks, *texts))


def _marks(row: papers.Row) -> tuple[str, ...]:
    """The row's own footnotes."""
    weak = f"weak evidence that our count equals the printed one: {row.weak}" if row.weak else ""
    return tuple(text for text in (row.note, weak) if text)
