"""The runs of a sweep: a grid of modules, or the cells of a paper's table or figure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attnctl import groups
from attnctl.cli.sweep_records import OfPaper
from attnctl.cli.sweeping import selected
from attnctl.grid import Axes, Expansion, InvalidCell, expand
from attnctl.networks import probe
from attnctl.search import bayes, halving
from attnctl.search.results import Result, key_of
from attnctl.search.sampled import is_shared, values_of
from attnctl.search.samples import samples
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join, format_value, split_list

if TYPE_CHECKING:
    from attnctl.cli.sweeping.init_options import InitOptions
    from attnctl.papers import Figure, Paper, PaperTable
    from attnctl.papers.beside import Beside
    from attnctl.papers.runs import Cells, Overrides
    from attnctl.workspace.layout import Workspace
    from attnctl.workspace.records import Search

SHOWN = 4
"""Names of rows that a line about several of them tells."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """specs: each once. invalid: what cannot be a run. name: what the sweep's own begins with, unless it is named.

    summary: of a paper's table, the number of runs and rows. rows: the rows of a run, by its id.
    document: what a JSON answer says besides. shows: the command that shows the results, unless it is a report of the
    sweep. of: what of a paper it is. files: SHA-256 -> the user's file, of the weights that runs start from. search:
    what it searches; None for a grid.
    """

    specs: Sequence[RunSpec]
    invalid: Sequence[InvalidCell]
    name: str
    summary: str = ""
    rows: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)
    shows: str = ""
    of: OfPaper = field(default_factory=OfPaper)
    files: Mapping[str, Path] = field(default_factory=dict)
    search: Search | None = None


def of_modules(
    request: Axes,
    typed: str,
    *,
    skip_invalid: bool,
    search: Search | None = None,
    results: Sequence[Result] = (),
    recorded: Collection[str] = (),
) -> Selection:
    """The runs of the grid; raises SpecError for a cell that cannot be, unless those are left out.

    typed: the modules as typed. What does not fit of a group is left out; modules typed by name have to fit.
    search: of which the samples are trained, instead of all values. results: what it knows of its earlier samples.
    recorded: the ids of its earlier runs
    """
    if search is None:
        expansion = _probed(expand(request))
    elif search.method == "bayes":
        expansion = _probed(bayes.samples(request, search, results))
    elif search.halving:
        expansion = _probed(halving.samples(request, search, results, recorded))
    else:
        expansion = _probed(samples(request, search))
    parts = split_list(typed, "MODULE")
    by_group = any(map(groups.is_group, parts))
    faults = [
        cell
        for cell in expansion.invalid
        if not expansion.specs or not (skip_invalid or (by_group and cell.label.partition(" ")[0] not in parts))
    ]
    if faults:
        first = faults[0]
        more = f" (and {quantity(len(faults) - 1, 'more cell')})" if len(faults) > 1 else ""
        hint = "; --skip-invalid skips these cells" if expansion.specs else ""
        raise SpecError(f"{first.label}: {first.reason}{more}{hint}")
    name = typed.replace(groups.PREFIX, "")
    return Selection(
        specs=expansion.specs,
        invalid=expansion.invalid,
        name=name,
        search=search,
        summary=_search_summary(search, expansion.specs) if search is not None else "",
        rows={spec.id: _sampled(spec, search) for spec in expansion.specs} if search is not None else {},
    )


def _sampled(spec: RunSpec, search: Search) -> str:
    """What a run has of the values that a search varies: `lr=0.0237`; hyperparameters are in its label."""
    values = values_of(spec, filter(is_shared, search.ranges))
    return " ".join(f"{name}={format_value(value)}" for name, value in values.items())


def _search_summary(search: Search, specs: Sequence[RunSpec]) -> str:
    networks = len({key_of(spec) for spec in specs})
    each = f" for each of {networks} networks" if networks > 1 else ""
    split = comma_join(dict.fromkeys(format_value(spec.recipe.val_split) for spec in specs))
    words = (
        f"search: {quantity(search.samples, 'sample')} of {comma_join(search.ranges)}{each}, compared on held-out "
        f"training images (val_split={split})"
    )
    chosen = len({spec.lineage for spec in specs})
    if not search.has_rounds or chosen >= search.trainings * networks:
        return words
    return (
        f"{words}; {chosen} of {search.trainings * networks} trainings are chosen, and the results of these choose the "
        "next ones"
    )


def with_weights(selected: Selection, initial: InitOptions, workspace: Workspace) -> Selection:
    """The runs of a grid with the weights that they start from; raises SpecError."""
    from attnctl.cli.reporting import base_settings
    from attnctl.cli.sweeping import init_weights
    from attnctl.papers import starts

    weights, settings = initial.weights(workspace), initial.base_overrides()
    words = (*weights.words, *weights.patterns.values())
    if settings is not None and not any(map(starts.RowName.of, words)):
        raise SpecError("--base needs --table, or --init with a row such as ean:3/SE-R50")
    if not words:
        return selected
    overrides = base_settings.of_words(words, settings, workspace)
    specs, located = init_weights.of_modules(selected.specs, weights, overrides)
    return replace(selected, specs=specs, files={**weights.files, **located.files})


def of_table(
    paper: Paper,
    name: str,
    table: PaperTable,
    overrides: Overrides,
    rows: Sequence[str],
    beside: Beside,
    workspace: Workspace,
    files: Mapping[str, Path] = MappingProxyType({}),
) -> Selection:
    """The runs of a paper's table; raises SpecError when there can be none. name: the paper's, in the sweep's record.

    rows: globs of the rows' names; empty: all. beside: what other rows stand beside these. workspace: where the results
    are by which one of several trainings is chosen. files: SHA-256 -> the user's file, of `--init`.
    """
    from attnctl.cli.sweeping import init_weights
    from attnctl.papers.beside import cells_beside
    from attnctl.papers.runs import cells_of

    def cells(given: Overrides) -> list[Cells]:
        return [*cells_of(table, given, rows), *(cells_beside(table, given, rows, beside) if beside else ())]

    overrides, found = init_weights.with_located(
        overrides, lambda given: [spec for item in cells(given) for spec in item.specs]
    )
    every = cells(overrides)
    due = selected.in_turn(table, every, workspace)
    return _of_cells(
        due,
        {**files, **found},
        f"{paper.name} table {table.number}{selected.waiting(every, due)}",
        OfPaper(paper=name, table=table.number, overrides=overrides.to_json()),
        name=f"{paper.name}-{table.number}".lower(),
        shows=f"report --table {shlex.quote(f'{paper.file or name}:{table.number}')}",
    )


def of_figure(
    paper: Paper,
    name: str,
    figure: Figure,
    overrides: Overrides,
    panels: Sequence[int] = (),
    files: Mapping[str, Path] = MappingProxyType({}),
) -> Selection:
    """The runs behind a paper's figure; raises SpecError when there can be none. name, files: as for a table.

    panels: numbers of the only panels; empty: all
    """
    from attnctl.cli.sweeping import init_weights
    from attnctl.papers.runs import figure_cells

    overrides, found = init_weights.with_located(
        overrides, lambda given: [spec for item in figure_cells(figure, paper, given, panels) for spec in item.specs]
    )
    return _of_cells(
        figure_cells(figure, paper, overrides, panels),
        {**files, **found},
        f"{paper.name} figure {figure.number}",
        OfPaper(paper=name, figure=figure.number, overrides=overrides.to_json()),
        name=f"{paper.name}-figure-{figure.number}".lower(),
        shows=f"figure {figure.number} --paper {shlex.quote(str(paper.file or name))}",
    )


def _of_cells(
    cells: Sequence[Cells], files: Mapping[str, Path], title: str, of: OfPaper, *, name: str, shows: str
) -> Selection:
    asked = list({spec.id: spec for item in cells for spec in item.specs}.values())
    broken = probe.check(asked)
    specs = [spec for spec in asked if spec.id not in broken]
    invalid = _reasons(cells, broken)
    if not specs:
        why = "; ".join(f"{cell.label}: {cell.reason}" for cell in invalid)
        raise SpecError(f"{title} has nothing to train" + (f": {why}" if why else ""))
    started = {item.row.name for item in cells if any(spec.id not in broken for spec in item.specs)}
    rows = len({item.row.name for item in cells})
    of_rows = f"{len(started)} of {quantity(rows, 'row')}"
    return Selection(
        specs=specs,
        invalid=invalid,
        summary=f"{title}: {quantity(len(specs), 'run')} for {of_rows}{_instead(of)}",
        rows=_labels(cells),
        document={
            **{key: getattr(of, key) or None for key in ("paper", "table", "figure")},
            "overrides": of.overrides,
            "rows": [_as_json(item) for item in cells],
        },
        of=of,
        files=files,
        name=name,
        shows=shows,
    )


def _reasons(cells: Sequence[Cells], broken: Mapping[str, str]) -> list[InvalidCell]:
    """Why rows have no runs, each reason once with all of its rows."""
    reasons: dict[str, list[str]] = {}
    for item in cells:
        wrong = item.reason or next((broken[spec.id] for spec in item.specs if spec.id in broken), "")
        if wrong:
            reasons.setdefault(wrong, []).append(item.row.name)
    return [InvalidCell(_some(names), reason) for reason, names in reasons.items()]


def _labels(cells: Sequence[Cells]) -> dict[str, str]:
    """The rows of each run, by its id."""
    found: dict[str, dict[str, None]] = {}
    for item in cells:
        for number, variant in enumerate(item.variants):
            for spec in variant:
                found.setdefault(spec.id, {})[_label(item, number)] = None
    return {run: comma_join(names) for run, names in found.items()}


def _as_json(cells: Cells) -> dict[str, Any]:
    return {
        "row": cells.row.name,
        "columns": cells.columns,
        "runs": [[spec.id for spec in variant] for variant in cells.variants],
        "reason": cells.reason,
    }


def _instead(of: OfPaper) -> str:
    from attnctl.papers.runs import Overrides

    words = Overrides.from_json(of.overrides).summary()
    return f", with {words} instead of the paper's values" if words else ""


def _label(cells: Cells, number: int) -> str:
    """The row, and where it has several candidates in what this one differs: `ResNet50 lr=0.05`."""
    recipes = [dict(vars(variant[0].recipe)) for variant in cells.variants]
    differing = [name for name, value in recipes[0].items() if any(recipe[name] != value for recipe in recipes)]
    return " ".join([cells.row.name, *(f"{name}={format_value(recipes[number][name])}" for name in differing)])


def _some(names: Sequence[str]) -> str:
    """Such as `RetinaNet, SSD (2 rows)`."""
    each = list(dict.fromkeys(names))
    shown = comma_join(each[:SHOWN]) + (" ..." if len(each) > SHOWN else "")
    return f"{shown} ({len(each)} rows)" if len(each) > 1 else shown


def _probed(expansion: Expansion) -> Expansion:
    """The grid without the cells whose user-defined module or backbone does not work."""
    wrong = probe.check(expansion.specs)
    if not wrong:
        return expansion
    labels = {
        spec.id: f"{spec.label()} {spec.network} {spec.dataset} {spec.placement}".rstrip() for spec in expansion.specs
    }
    invalid = dict.fromkeys(InvalidCell(labels[run], words) for run, words in wrong.items())
    return Expansion([spec for spec in expansion.specs if spec.id not in wrong], [*expansion.invalid, *invalid])
