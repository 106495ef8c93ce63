"""Which paper's table or figure a command means, and what it was trained with in this workspace."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl import datasets, papers
from attnctl.cli import output
from attnctl.cli.reporting import which_paper
from attnctl.papers import Figure, Paper, PaperTable
from attnctl.papers.runs import Overrides, Settings, cells_of, figure_cells
from attnctl.values import SpecError, comma_join, first_of, split_list, split_seeds
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Sweep

if TYPE_CHECKING:
    from attnctl.db import Index, PaperSweep


Key = tuple[tuple[str, str], ...]
"""As `Overrides.key` has it."""

_NAMED = 4
"""The maximum number of rows that a message names."""


def chosen(paper: str | None, table: str, index: Index) -> PaperTable:
    """The table `ela:3`, or `3` of a paper; without a paper, of the paper that was swept (`which_paper`).

    Raises SpecError.
    """
    return find_table(paper, table, index.workspace)[1]


def chosen_figure(paper: str | None, figure: str, index: Index) -> tuple[Paper, Figure]:
    """The figure `ean:3`, or `3` of a paper, with its paper; otherwise as `chosen`."""
    return find_figure(paper, figure, index.workspace)


def find_table(paper: str | None, text: str, workspace: Workspace) -> tuple[Paper, PaperTable]:
    """As `chosen`, with the paper, and without an index."""
    source, number = _paper_of(paper, text, workspace, "table")
    if number not in source.tables:
        raise SpecError(f"{source.name} has no table {number!r}; it has {comma_join(source.tables)}")
    return source, source.tables[number]


def find_figure(paper: str | None, text: str, workspace: Workspace) -> tuple[Paper, Figure]:
    """As `chosen_figure`, without an index."""
    source, number = _paper_of(paper, text, workspace, "figure")
    if number not in source.figures:
        choices = f"it has {comma_join(source.figures)}" if source.figures else "it has no figures"
        raise SpecError(f"{source.name} has no figure {number!r}; {choices}")
    return source, source.figures[number]


def _paper_of(paper: str | None, text: str, workspace: Workspace, part: which_paper.Part) -> tuple[Paper, str]:
    """The paper, and the number of its table or figure."""
    name, colon, number = text.rpartition(":")
    if colon and paper is not None and papers.load(name).name != papers.load(paper).name:
        raise SpecError(f"{part} {text} is not in paper {paper}; give only one of the two")
    if colon or paper is not None:
        return papers.load(name if colon else paper or ""), number
    return which_paper.choose(part, number, workspace, swept(workspace)), number


# ------------------------------------------------------------------------------------------------------------- sweeps


def recorded_name(paper: Paper, workspace: Workspace) -> str:
    """The name of a paper in a sweep's record; a user's file in the workspace is relative to it."""
    if paper.file is None:
        return paper.name.lower()
    file, root = paper.file.resolve(), workspace.root.resolve()
    return f"./{file.relative_to(root)}" if file.is_relative_to(root) else str(file)


def swept(workspace: Workspace) -> dict[str, Paper]:
    """The papers whose tables or figures were swept in a workspace, sorted by the names that load them.

    Missing and damaged users' files are left out.
    """
    names = set()
    for path in workspace.sweeps.glob("[!.]*.json"):
        with suppress(RecordError):  # `attnctl status` says so
            sweep = Sweep.read(path)
            names.add(loadable(sweep.paper, workspace) if sweep is not None else "")
    loaded = {name: _loaded(name) for name in sorted(filter(None, names))}
    return {name: paper for name, paper in loaded.items() if paper is not None}


def sweeps_of(index: Index, part: PaperTable | Figure) -> list[PaperSweep]:
    """The sweeps of a table, or of a figure, newest first."""
    table, figure = (part.number, "") if isinstance(part, PaperTable) else ("", part.number)
    named = [sweep for sweep in index.table_sweeps() if (sweep.table, sweep.figure) == (table, figure)]
    papers_by_name = {name: _loaded(loadable(name, index.workspace)) for name in {sweep.paper for sweep in named}}
    return [sweep for sweep in named if (paper := papers_by_name[sweep.paper]) is not None and paper.name == part.paper]


def loadable(name: str, workspace: Workspace) -> str:
    """The name that loads the paper of a sweep's record in the current folder."""
    if not name or not papers.is_file(name):
        return name
    file, current = workspace.root.resolve() / name, Path.cwd()
    return f"./{file.relative_to(current)}" if file.is_relative_to(current) else str(file)


def _loaded(name: str) -> Paper | None:
    try:
        return papers.load(name)
    except SpecError:
        return None


# ---------------------------------------------------------------------------------------------------------- overrides


@dataclass(frozen=True)
class OverrideOptions:
    """The options that override a paper's values, as typed; None if not given."""

    model: Sequence[str] | None = None
    backbone: Sequence[str] | None = None
    placement: Sequence[str] | None = None
    dataset: Sequence[str] | None = None
    recipe: str | None = None
    fields: Mapping[str, str] | None = None
    seeds: Sequence[str] | None = None
    select: str = ""

    def overrides(self) -> Overrides:
        """The same as overrides; raises SpecError for a list where a table has one value."""
        return Overrides(
            model=_single_value(self.model, "--model"),
            backbone=_single_value(self.backbone, "--backbone"),
            placement=_single_value(self.placement, "--placement"),
            dataset=datasets.canonical(_single_value(self.dataset, "--dataset")),
            recipe=self.recipe or "",
            fields=self.fields or {},
            seeds=split_seeds(",".join(self.seeds)) if self.seeds else Overrides().seeds,
            select=self.select,
        )


def _single_value(texts: Sequence[str] | None, option: str) -> str:
    values = _listed(texts, option)
    if len(values) > 1:
        raise SpecError(f"{option} takes one value for a paper's table, not {','.join(values)}; run one sweep for each")
    return values[0] if values else ""


def _listed(texts: Sequence[str] | None, option: str) -> tuple[str, ...]:
    return split_list(",".join(texts), option) if texts is not None else ()


def settings_for(
    index: Index, part: PaperTable | Figure, given: Overrides | None = None, paper: Paper | None = None
) -> Settings:
    """What the runs behind a table or figure are trained with in this workspace. paper: of the figure.

    If the given overrides contain more than seeds, they hold for all rows. Otherwise each row of a table, and each
    panel of a figure, has those with which a sweep asked for it last; a note on standard error says so. A row that no
    sweep asked for has the paper's values, if the workspace has any run with them, else those that most others have.
    Seeds default to those of the sweeps with the same overrides.
    """
    settings, names = trained_with(index, part, given, paper)
    every = {own.key: own for own in (settings.default, *settings.parts.values()) if own.summary()}
    for key, overrides in every.items():
        parts = [name for name, own in settings.parts.items() if own.key == key]
        kind = "" if isinstance(part, PaperTable) else "panel "
        rows = f"{kind}{_some(parts)}: " if settings.default.key != key else ""
        sweep = f" (sweep {names[key]})" if key in names else ""
        if sweep or rows:
            output.note(f"{rows}trained with {overrides.summary()} instead of the paper's values{sweep}")
    return settings


def trained_with(
    index: Index, part: PaperTable | Figure, given: Overrides | None = None, paper: Paper | None = None
) -> tuple[Settings, dict[Key, str]]:
    """As `settings_for`, without the note; and the newest sweep of each of the overrides, by `Overrides.key`."""
    sweeps = {sweep.name: Overrides.from_json(sweep.overrides) for sweep in sweeps_of(index, part)}
    weights = {key: digest for own in reversed(list(sweeps.values())) for key, digest in own.weights.items()}
    sweeps = {name: replace(own, weights={**weights, **own.weights}) for name, own in sweeps.items()}
    overrides = _with_weights(given if given is not None else Overrides(), [*sweeps.values()])
    asked = _last_asked(index, part, paper, sweeps) if not overrides.summary() else {}
    default, name = _default(index, part, paper, overrides, sweeps, asked)
    default = _with_seeds(default, overrides, sweeps)
    parts = {}
    names = {default.key: name} if name else {}
    for part_name, sweep in asked.items():
        own = _with_seeds(replace(sweeps[sweep], seeds=overrides.seeds), overrides, sweeps)
        if own.key != default.key:
            parts[part_name] = own
            names.setdefault(own.key, sweep)
    return Settings(default=default, parts=parts), names


def _default(
    index: Index,
    part: PaperTable | Figure,
    paper: Paper | None,
    given: Overrides,
    sweeps: Mapping[str, Overrides],
    asked: Mapping[str, str],
) -> tuple[Overrides, str]:
    """The overrides of the rows that no sweep asked for, and the sweep that had them, if any."""
    if given.summary() or not sweeps:
        return given, ""
    votes = Counter(sweeps[name].key for name in asked.values())
    newest = max(sweeps, key=lambda name: votes[sweeps[name].key])  # the first of equals
    different_panels = not isinstance(part, PaperTable) and len(votes) > 1  # of different tasks
    if different_panels or not sweeps[newest].summary() or index.families(families(part, given, paper)):
        return given, ""
    return replace(sweeps[newest], seeds=given.seeds), newest


def _last_asked(
    index: Index, part: PaperTable | Figure, paper: Paper | None, sweeps: Mapping[str, Overrides]
) -> dict[str, str]:
    """Name of a row, or number of a panel -> the newest sweep that asked for it. sweeps: newest first."""
    found: dict[str, str] = {}
    by_overrides: dict[Key, Mapping[str, set[str]]] = {}
    for name, overrides in sweeps.items():
        if overrides.key not in by_overrides:
            by_overrides[overrides.key] = _families_of_parts(part, overrides, paper)
        trained = index.sweep_families(name)
        for part_name, own_families in by_overrides[overrides.key].items():
            if part_name not in found and not trained.isdisjoint(own_families):
                found[part_name] = name
    return found


def _families_of_parts(part: PaperTable | Figure, overrides: Overrides, paper: Paper | None) -> Mapping[str, set[str]]:
    """The families of each row's or panel's runs; none if the overrides are no longer valid, or if it has no parts."""
    found: dict[str, set[str]] = defaultdict(set)
    try:
        if isinstance(part, PaperTable):
            for item in cells_of(part, overrides):
                found[item.row.name] |= {spec.family for spec in item.specs}
        else:
            source = paper if paper is not None else papers.load(part.paper)
            for number in range(1, len(part.settings.get("panels", ())) + 1):
                items = figure_cells(part, source, overrides, (number,))
                found[str(number)] = {spec.family for item in items for spec in item.specs}
    except SpecError:
        return {}
    return found


def _with_seeds(overrides: Overrides, given: Overrides, sweeps: Mapping[str, Overrides]) -> Overrides:
    """With the seeds of all sweeps that have these overrides, unless seeds are given."""
    if given.seeds != Overrides().seeds:
        return overrides
    seeds = [seed for own in reversed(list(sweeps.values())) if own.key == overrides.key for seed in own.seeds]
    return replace(overrides, seeds=tuple(dict.fromkeys(seeds)) or overrides.seeds)


def families(part: PaperTable | Figure, overrides: Overrides | Settings, paper: Paper | None = None) -> set[str]:
    """The families (`RunSpec.family`) of the runs of a table or figure, by which the index finds them."""
    if isinstance(part, PaperTable):
        cells = cells_of(part, overrides)
    else:
        cells = figure_cells(part, paper if paper is not None else papers.load(part.paper), overrides)
    return {spec.family for item in cells for spec in item.specs}


def _some(names: Sequence[str]) -> str:
    return first_of(names, _NAMED)


def _with_weights(overrides: Overrides, sweeps: Sequence[Overrides]) -> Overrides:
    """The overrides with the weights and the settings of bases that sweeps of the table recorded, newest first."""
    weights = {key: digest for sweep in reversed(sweeps) for key, digest in sweep.weights.items()}
    bases = next((sweep.bases for sweep in sweeps if sweep.bases), {})
    return replace(overrides, weights={**weights, **overrides.weights}, bases=overrides.bases or bases)
