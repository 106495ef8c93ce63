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
    """The table that `ela:3`, or `3` of a paper, means; without a paper, of the one that was swept: see `which_paper`.

    Raises SpecError.
    """
    return find_table(paper, table, index.workspace)[1]


def chosen_figure(paper: str | None, figure: str, index: Index) -> tuple[Paper, Figure]:
    """The figure that `ean:3`, or `3` of a paper, means, with its paper; else as `chosen`."""
    return find_figure(paper, figure, index.workspace)


def find_table(paper: str | None, text: str, workspace: Workspace) -> tuple[Paper, PaperTable]:
    """As `chosen`, with the paper, and without an index."""
    of, number = _of(paper, text, workspace, "table")
    if number not in of.tables:
        raise SpecError(f"{of.name} has no table {number!r}; it has {comma_join(of.tables)}")
    return of, of.tables[number]


def find_figure(paper: str | None, text: str, workspace: Workspace) -> tuple[Paper, Figure]:
    """As `chosen_figure`, without an index."""
    of, number = _of(paper, text, workspace, "figure")
    if number not in of.figures:
        has = f"it has {comma_join(of.figures)}" if of.figures else "it has no figures"
        raise SpecError(f"{of.name} has no figure {number!r}; {has}")
    return of, of.figures[number]


def _of(paper: str | None, text: str, workspace: Workspace, what: which_paper.Part) -> tuple[Paper, str]:
    """The paper, and the number of its table or figure."""
    name, colon, number = text.rpartition(":")
    if colon and paper is not None and papers.load(name).name != papers.load(paper).name:
        raise SpecError(f"{what} {text} is not in paper {paper}; give only one of the two")
    if colon or paper is not None:
        return papers.load(name if colon else paper or ""), number
    return which_paper.choose(what, number, workspace, swept(workspace)), number


# ------------------------------------------------------------------------------------------------------------- sweeps


def recorded_name(paper: Paper, workspace: Workspace) -> str:
    """How a sweep's record names a paper: a user's file relative to the workspace when it lies in it."""
    if paper.file is None:
        return paper.name.lower()
    file, root = paper.file.resolve(), workspace.root.resolve()
    return f"./{file.relative_to(root)}" if file.is_relative_to(root) else str(file)


def swept(workspace: Workspace) -> dict[str, Paper]:
    """The papers whose tables or figures were swept in a workspace, by the names to load them by, in their order.

    A user's file that is not there any more, or is broken, is left out.
    """
    names = set()
    for path in workspace.sweeps.glob("[!.]*.json"):
        with suppress(RecordError):  # `attnctl status` says so
            sweep = Sweep.read(path)
            names.add(loadable(sweep.paper, workspace) if sweep is not None else "")
    found = {name: _loaded(name) for name in sorted(filter(None, names))}
    return {name: paper for name, paper in found.items() if paper is not None}


def sweeps_of(index: Index, part: PaperTable | Figure) -> list[PaperSweep]:
    """The sweeps of a table, or of a figure, newest first."""
    table, figure = (part.number, "") if isinstance(part, PaperTable) else ("", part.number)
    named = [sweep for sweep in index.table_sweeps() if (sweep.table, sweep.figure) == (table, figure)]
    of = {name: _loaded(loadable(name, index.workspace)) for name in {sweep.paper for sweep in named}}
    return [sweep for sweep in named if (paper := of[sweep.paper]) is not None and paper.name == part.paper]


def loadable(name: str, workspace: Workspace) -> str:
    """The name by which this process finds the paper of a sweep's record."""
    if not name or not papers.is_file(name):
        return name
    file, here = workspace.root.resolve() / name, Path.cwd()
    return f"./{file.relative_to(here)}" if file.is_relative_to(here) else str(file)


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
            model=_one(self.model, "--model"),
            backbone=_one(self.backbone, "--backbone"),
            placement=_one(self.placement, "--placement"),
            dataset=_one(self.dataset, "--dataset"),
            recipe=self.recipe or "",
            init=self.init,
            fields=self.fields or {},
            seeds=split_seeds(",".join(self.seeds)) if self.seeds else Overrides().seeds,
        )


def _one(given: Sequence[str] | None, option: str) -> str:
    values = _listed(given, option)
    if len(values) > 1:
        raise SpecError(f"{option} takes one value for a paper's table, not {','.join(values)}; run one sweep for each")
    return values[0] if values else ""


def _listed(given: Sequence[str] | None, option: str) -> tuple[str, ...]:
    return split_list(",".join(given), option) if given is not None else ()


def overrides_for(
    index: Index, part: PaperTable | Figure, given: Overrides | None = None, paper: Paper | None = None
) -> Overrides:
    """What the runs behind a table, or figure, are trained with here. paper: a figure's.

    As given, where that is more than seeds; else the paper's own when any of its runs is in the workspace; else that of
    the newest sweep of it, which is said on standard error. Seeds that are not given are those of its sweeps.
    """
    overrides, sweep = trained_with(index, part, given, paper)
    if sweep:
        output.note(f"trained with {overrides.summary()} instead of the paper's values (sweep {sweep})")
    return overrides


def trained_with(
    index: Index, part: PaperTable | Figure, given: Overrides | None = None, paper: Paper | None = None
) -> tuple[Overrides, str]:
    """The same without a word; and the sweep they are of, when they are not the paper's own."""
    wanted, name = given if given is not None else Overrides(), ""
    sweeps = {sweep.name: Overrides.from_json(sweep.overrides) for sweep in sweeps_of(index, part)}
    newest = next(iter(sweeps), "")
    others = sweeps and sweeps[newest].summary() and not wanted.summary()
    if others and not index.families(families(part, wanted, paper)):
        name, wanted = newest, replace(sweeps[newest], seeds=wanted.seeds)
    if wanted.seeds != Overrides().seeds:
        return wanted, name
    seeds = [seed for sweep in reversed(sweeps.values()) if _alike(sweep, wanted) for seed in sweep.seeds]
    return replace(wanted, seeds=tuple(dict.fromkeys(seeds)) or wanted.seeds), name


def families(part: PaperTable | Figure, overrides: Overrides, paper: Paper | None = None) -> set[str]:
    """What the runs of the cells of a table, or figure, are found by in the index: see `RunSpec.family`."""
    if isinstance(part, PaperTable):
        cells = cells_of(part, overrides)
    else:
        cells = figure_cells(part, paper if paper is not None else papers.load(part.paper), overrides)
    return {spec.family for item in cells for spec in item.specs}


def _alike(one: Overrides, other: Overrides) -> bool:
    """Whether only the seeds differ."""
    return replace(one, seeds=()) == replace(other, seeds=())
