"""What a report is of: a paper's table, or the comparison of a sweep's runs; with what lies behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attnctl import papers, sources
from attnctl.cli import sweep_records
from attnctl.cli.reporting import outside_runs, paper_tables, run_costs, searches
from attnctl.cli.run_filter import NO_FILTER, RunFilter
from attnctl.metrics import DECIDING
from attnctl.papers.runs import Overrides, Settings, cells_of
from attnctl.reports import comparison, missing, published
from attnctl.reports.evaluated import EvaluatedRuns, with_evaluations
from attnctl.reports.report import Report
from attnctl.reports.selection import ALL, Options, Pivot, missing_seeds
from attnctl.units import plural
from attnctl.values import SpecError, comma_join, did_you_mean
from attnctl.workspace import evaluations
from attnctl.workspace.evaluations import Evaluation
from attnctl.workspace.layout import Workspace

if TYPE_CHECKING:
    from attnctl.db import Index, RunRow
    from attnctl.papers import PaperTable


@dataclass(frozen=True, kw_only=True)
class Request:
    """The requested report. table: ela:3, or 3 of the paper; without it the comparison of the sweeps' runs.

    kept: which of the runs are compared
    missing: also list the commands that train the missing cells
    evaluated: the data sets of `attnctl eval` that become columns
    """

    sweeps: tuple[str, ...] = ()
    table: str | None = None
    paper: str | None = None
    options: Options = ALL
    missing: bool = False
    evaluated: tuple[str, ...] = ()
    kept: RunFilter = NO_FILTER

    def words(self) -> dict[str, str]:
        """The given values, by option."""
        options = self.options
        values = {
            "SWEEP": " ".join(self.sweeps),
            "--table": self.table,
            "--paper": self.paper,
            "--rows": ",".join(options.rows),
            "--columns": ",".join(options.columns),
            "--seed": ",".join(map(str, options.seeds)),
            "--epoch": options.epoch if options.epoch != "last" else "",
            "--sort": options.sort,
            "--eval": ",".join(self.evaluated),
            "--statistics": "yes" if options.statistics else "",
            "--rename": ",".join(f"{typed}={name}" for typed, name in options.names.given.items()),
            "--unpaired": "yes" if options.unpaired else "",
            "--decimals": ",".join("=".join(filter(None, (key, str(digits)))) for key, digits in options.decimals),
            "--order": options.order if options.order != "name" else "",
            **_pivot_words(options.pivot),
            "--all-versions": "yes" if options.all_versions else "",
            **self.kept.given,
        }
        return {option: value for option, value in values.items() if value}


def _pivot_words(pivot: Pivot | None) -> dict[str, str]:
    if pivot is None:
        return {}
    return {
        "--pivot": pivot.axis,
        "--transpose": "yes" if pivot.transpose else "",
        "--delta": "yes" if pivot.delta else "",
    }


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """A report, the runs that it was made of, and the commands that train what it lacks.

    notes: which runs are in none of the rows of a paper's table, and why; how a search goes on
    """

    report: Report
    rows: Sequence[RunRow]
    missing: Sequence[str] = ()
    notes: Sequence[str] = ()


def resolved(index: Index, request: Request) -> Request:
    """The request with the full name of its table, such as ela:3. Raises SpecError."""
    if request.table is None:
        return request
    table = paper_tables.chosen(request.paper, request.table, index)
    name = table.paper.lower()
    if name not in papers.names():  # a user's file
        prefix = request.table.rpartition(":")[0] or request.paper
        swept = paper_tables.swept(index.workspace)
        name = prefix or next(name for name, paper in swept.items() if paper.name == table.paper)
    return replace(request, table=f"{name}:{table.number}", paper=None)


def gather(index: Index, request: Request) -> Gathered:
    """The report from the index, as it was last refreshed. Raises SpecError."""
    request = resolved(index, request)
    gathered = _gathered(index, request)
    if not request.evaluated:
        return gathered
    found = _evaluations(index.workspace, gathered.report.runs(), request.evaluated)
    return replace(gathered, report=with_evaluations(gathered.report, found))


def _evaluations(workspace: Workspace, runs: Sequence[str], names: Sequence[str]) -> dict[str, EvaluatedRuns]:
    """The results on the test images by data set; raises SpecError for one on which no run was evaluated."""
    records = {run: evaluations.read(workspace.run(run)) for run in runs}
    found = {name: _on(name, records) for name in map(evaluations.dataset_name, names)}
    for name, evaluated in found.items():
        if not evaluated.values:
            known = sorted({record.dataset for of_run in records.values() for record in of_run})
            nearest = did_you_mean(name, known) if known else ""
            raise SpecError(
                f"none of these runs was evaluated on {name!r}{nearest}; "
                f"evaluate them with `attnctl eval RUN --dataset {name}`"
            )
    return found


def _on(dataset: str, records: Mapping[str, Sequence[Evaluation]]) -> EvaluatedRuns:
    """The metric by which trainings choose their best epoch, of the runs that were evaluated on a data set."""
    fitting = {
        run: record.metrics
        for run, of_run in records.items()
        for record in of_run
        if (record.dataset, record.split) == (dataset, "test")
    }
    metrics = [metric.key for metric in DECIDING if any(metric.key in values for values in fitting.values())]
    if not metrics:
        return EvaluatedRuns("", {})
    return EvaluatedRuns(
        metrics[0], {run: values[metrics[0]] for run, values in fitting.items() if metrics[0] in values}
    )


def _gathered(index: Index, request: Request) -> Gathered:
    if request.table is not None:
        for option in request.kept.given:
            raise SpecError(f"{option} is for a comparison; --rows chooses the rows of a paper's table")
        return _of_table(index, request, paper_tables.chosen(None, request.table, index))
    if request.paper is not None:
        raise SpecError(f"--paper {request.paper} needs --table; `attnctl papers` lists the tables")
    return _of_runs(index, request)


def _of_table(index: Index, request: Request, table: PaperTable) -> Gathered:
    settings, swept = _settings(index, request, table)
    cells = cells_of(table, settings)
    runs = index.families({spec.family for item in cells for spec in item.specs})
    others = [] if request.sweeps else index.runs()
    workspace = index.workspace
    report = published.build(
        table,
        cells,
        runs,
        asked=swept,
        speeds=workspace.speeds(),
        imports=workspace.imports(),
        others=others,
        options=request.options,
    )
    commands: list[str] = []
    if request.missing:
        shown_cells = [item for item in cells if item.row.name in report.names]
        chosen = published.runs_of(table, shown_cells, runs, request.options, asked=swept)
        commands = missing.of_table(table, (request.table or "").rpartition(":")[0], chosen)
    behind = set(report.runs())
    rows = [row for rows in runs.values() for row in rows]
    known = {row.id for row in rows}
    rows += [row for row in others if row.id in behind and row.id not in known]
    notes = outside_runs.notes(index, table, request.table or "", cells, others)
    return Gathered(report=report, rows=rows, missing=commands, notes=notes)


def _settings(index: Index, request: Request, table: PaperTable) -> tuple[Settings, bool]:
    """What the table's runs were trained with, and whether sweeps of it asked for them."""
    sweeps = {sweep.name: sweep for sweep in paper_tables.sweeps_of(index, table)}
    if not request.sweeps:
        settings = paper_tables.settings_for(index, table)
    elif len(request.sweeps) > 1:
        raise SpecError("--table takes one sweep; without --table several sweeps are compared")
    elif request.sweeps[0] in sweeps:
        settings = Settings(default=Overrides.from_json(sweeps[request.sweeps[0]].overrides))
    else:
        sweep_records.read(index.workspace, request.sweeps[0])
        others = f"; these did: {comma_join(sweeps)}" if sweeps else ""
        raise SpecError(f"sweep {request.sweeps[0]} did not train table {table.name}{others}")
    return settings, bool(sweeps)


def _of_runs(index: Index, request: Request) -> Gathered:
    sweeps = [sweep_records.read(index.workspace, name) for name in dict.fromkeys(request.sweeps)] or index.sweeps()
    of_sweeps = bool(request.sweeps) or len(sweeps) == 1
    if not request.sweeps and of_sweeps:
        sweeps = [sweep_records.read(index.workspace, sweeps[0].name)]  # the index does not have all of it
    names = comma_join(sweep.name for sweep in sweeps)
    rows = index.runs(list(dict.fromkeys(run for sweep in sweeps for run in sweep.runs)) if of_sweeps else None)
    imports = index.workspace.imports()
    if of_sweeps:
        pairs = {(row.network, row.dataset) for row in rows}
        imports = [record for record in imports if (record.backbone, record.dataset) in pairs]
        if not rows:
            what = plural(len(sweeps), "sweep")
            raise SpecError(f"{what} {names} {plural(len(sweeps), 'has', 'have')} no runs in this workspace")
    if not rows and not imports:
        raise SpecError("nothing to report: this workspace has no runs yet; start some with `attnctl sweep`")
    if request.kept.given:
        rows = request.kept.apply(index.workspace, rows)
        if not rows:
            raise SpecError(f"no run meets {' '.join(f'{key} {value}' for key, value in request.kept.given.items())}")
    search = sweeps[0].search if of_sweeps and len(sweeps) == 1 else None
    if search is not None:
        made = searches.report(index, sweeps[0], search, rows, request.options)
        report = made.report.labelled(f"tab:{names}")
        if not request.missing:
            return Gathered(report=report, rows=made.rows, notes=made.notes)
        todo = searches.commands(index, sweeps[0], search, rows, request.options)
        return Gathered(report=report, rows=made.rows, missing=todo)
    seeds = {row.seed for row in rows}
    words = missing_seeds(request.options.seeds, seeds) if rows else ""
    if words and seeds.isdisjoint(request.options.seeds):
        raise SpecError(words)
    title = f"{plural(len(sweeps), 'Sweep')} {names}" if of_sweeps else "All runs of this workspace"
    label = f"tab:{'-'.join(sweep.name for sweep in sweeps)}" if of_sweeps else "tab:runs"
    files = _own_files(index.workspace, rows)
    more = run_costs.of_runs(index, rows, request.options.columns)
    asked = [run for sweep in sweeps for run in sweep.runs]
    beside = {sweep.name: sweep.runs for sweep in sweeps} if _has_sweeps_beside(request.options.pivot) else None
    report = comparison.build(
        rows, title, index.workspace.speeds(), imports, request.options, files, beside, asked, more
    )
    report = report.labelled(label)
    if words:
        report = replace(report, warnings=(words, *report.warnings))
    commands = [command for sweep in sweeps for command in missing.of_sweep(sweep, rows)] if request.missing else []
    return Gathered(report=report, rows=rows, missing=commands)


def _has_sweeps_beside(pivot: Pivot | None) -> bool:
    return pivot is not None and pivot.axis == "sweep"


def _own_files(workspace: Workspace, rows: Sequence[RunRow]) -> dict[str, str]:
    """Where the users' files of these runs were, by version."""
    versions = {version for row in rows for version in comparison.own_versions(row)}
    return {version: path for version in versions if (path := sources.file_of(workspace.sources, version))}
