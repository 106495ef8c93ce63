"""Which paper's table or figure a command means, and what it was trained with in this workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl import papers
from attnctl.cli import output
from attnctl.cli.reporting import which_paper
from attnctl.papers import Figure, Paper, PaperTable
from attnctl.papers.runs import Overrides, cells_of, figure_cells
from attnctl.values import SpecError, comma_join, split_list, split_seeds
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Sweep

if TYPE_CHECKING:
    from attnctl.db import Index, PaperSweep


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
    init: str = ""
    fields: Mapping[str, str] | None = None
    seeds: Sequence[str] | None = None

    def overrides(self) -> Overrides:
        """The same as overrides; raises SpecError for a list where a table has one value."""
        return Overrides(
            model=_single_value(self.model, "--model"),
            backbone=_single_value(self.backbone, "--backbone"),
            placement=_single_value(self.placement, "--placement"),
            dataset=_single_value(self.dataset, "--dataset"),
            recipe=self.recipe or "",
            init=self.init,
            fields=self.fields or {},
            seeds=split_seeds(",".join(self.seeds)) if self.seeds else Overrides().seeds,
        )


def _single_value(texts: Sequence[str] | None, option: str) -> str:
    values = _listed(texts, option)
    if len(values) > 1:
        raise SpecError(f"{option} takes one value for a paper's table, not {','.join(values)}; run one sweep for each")
    return values[0] if values else ""


def _listed(texts: Sequence[str] | None, option: str) -> tuple[str, ...]:
    return split_list(",".join(texts), option) if texts is not None else ()


def overrides_for(
    index: Index, part: PaperTable | Figure, given: Overrides | None = None, paper: Paper | None = None
) -> Overrides:
    """The overrides of the runs behind a table or figure in this workspace. paper: of the figure.

    They are the given ones if these contain more than seeds; else none, if the workspace has any run with the paper's
    values; else those of the newest sweep, with a note on standard error. Seeds default to those of its sweeps.
    """
    overrides, sweep = trained_with(index, part, given, paper)
    if sweep:
        output.note(f"trained with {overrides.summary()} instead of the paper's values (sweep {sweep})")
    return overrides


def trained_with(
    index: Index, part: PaperTable | Figure, given: Overrides | None = None, paper: Paper | None = None
) -> tuple[Overrides, str]:
    """As `overrides_for`, without the note; and the name of the sweep whose overrides are used, if any."""
    overrides, name = given if given is not None else Overrides(), ""
    sweeps = {sweep.name: Overrides.from_json(sweep.overrides) for sweep in sweeps_of(index, part)}
    newest = next(iter(sweeps), "")
    superseded = sweeps and sweeps[newest].summary() and not overrides.summary()
    if superseded and not index.families(families(part, overrides, paper)):
        name, overrides = newest, replace(sweeps[newest], seeds=overrides.seeds)
    if overrides.seeds != Overrides().seeds:
        return overrides, name
    seeds = [seed for sweep in reversed(sweeps.values()) if _same_but_seeds(sweep, overrides) for seed in sweep.seeds]
    return replace(overrides, seeds=tuple(dict.fromkeys(seeds)) or overrides.seeds), name


def families(part: PaperTable | Figure, overrides: Overrides, paper: Paper | None = None) -> set[str]:
    """The families (`RunSpec.family`) of the runs of a table or figure, by which the index finds them."""
    if isinstance(part, PaperTable):
        cells = cells_of(part, overrides)
    else:
        cells = figure_cells(part, paper if paper is not None else papers.load(part.paper), overrides)
    return {spec.family for item in cells for spec in item.specs}


def _same_but_seeds(first: Overrides, second: Overrides) -> bool:
    """Whether only the seeds differ."""
    return replace(first, seeds=()) == replace(second, seeds=())
