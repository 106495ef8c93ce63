"""`attnctl papers`: the papers' tables and figures, with their progress in this workspace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl import papers as library
from attnctl.cli import completion, context, output
from attnctl.cli.table_layout import Column
from attnctl.units import quantity
from attnctl.values import comma_join

if TYPE_CHECKING:
    from attnctl.db import Index, RunRow
    from attnctl.papers import Figure, Paper, PaperTable
    from attnctl.papers.runs import Cells, Settings

COLUMNS = (
    Column("table or figure", optional=True),
    Column("rows", optional=True),
    Column("done", optional=True),
    Column("cannot be trained yet", wrap=18, drop=1, optional=True),
    Column("trained with", wrap=16, drop=2, optional=True),
    Column("caption", wrap=24, drop=3, optional=True),
)
_STATES = (Column("row"), Column("columns", wrap=10), Column("state", wrap=24))


@dataclass(frozen=True, kw_only=True)
class State:
    """The cells of one row that one training fills.

    state: text for users, `done` if all runs are. done, wanted: numbers of runs. waits: why it cannot be trained here
    """

    row: str
    columns: tuple[str, ...]
    state: str
    done: int = 0
    wanted: int = 0
    waits: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A table or figure. changed: the settings that replace the paper's in its runs here."""

    kind: str
    number: str
    name: str
    caption: str
    rows: int
    changed: str
    cells: tuple[State, ...]

    @property
    def done(self) -> int:
        """The number of cells whose runs are all done."""
        return sum(cell.done == cell.wanted for cell in self.cells if not cell.waits)

    @property
    def trainable(self) -> int:
        """The number of cells that can be trained here."""
        return sum(not cell.waits for cell in self.cells)

    @property
    def waiting(self) -> Mapping[str, int]:
        """Reason -> the number of cells that cannot be trained here because of it."""
        reasons = [cell.waits for cell in self.cells if cell.waits]
        return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}


def papers(
    paper: Annotated[
        str | None,
        typer.Argument(
            metavar="PAPER|FILE",
            help="Show each row of this paper, or of a paper file, with its state.",
            autocompletion=completion.papers,
        ),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """List the papers' tables and figures, with progress.

    Your own papers are listed once they were swept in this workspace. A cell is done when all its runs are completed.
    `attnctl sweep --table` trains the runs of a table; `attnctl report --table` computes the cells that need no
    training.

    Examples:
        attnctl papers
        attnctl papers ela
    """
    config = context.config(new=True)
    if config.workspace.runs.is_dir() or config.workspace.sweeps.is_dir():
        with context.index() as index:
            index.refresh()
            progress = _progress(_papers(paper, index), index)
    else:
        progress = _progress(_papers(paper, None), None)
    if as_json:
        output.document({"papers": [_as_json(item, parts) for item, parts in progress]})
    elif paper is not None:
        for item, parts in progress:
            _show(item, parts)
    else:
        lines = [_line(part) for _, parts in progress for part in parts]
        output.table(COLUMNS, lines)
        output.note("`attnctl papers ela` shows the rows; `attnctl sweep --table ela:5` trains what is missing")


def _papers(name: str | None, index: Index | None) -> list[Paper]:
    if name is not None:
        return [library.load(name)]
    from attnctl.cli.reporting.paper_tables import swept

    built_in = [library.load(name) for name in library.names()]
    swept_papers = swept(index.workspace).values() if index is not None else ()
    return [*built_in, *(paper for paper in swept_papers if paper.file is not None)]


def _progress(selected: Sequence[Paper], index: Index | None) -> list[tuple[Paper, list[Part]]]:
    """The tables and figures of papers with their progress; all runs are read by one query."""
    requested = [(paper, list(_cells(paper, index))) for paper in selected]
    families = {spec.family for _, parts in requested for _, _, cells in parts for item in cells for spec in item.specs}
    runs = index.families(families) if index is not None else {}
    return [(paper, [_part(paper, *part, runs) for part in parts]) for paper, parts in requested]


def _cells(paper: Paper, index: Index | None) -> Iterator[tuple[PaperTable | Figure, Settings, list[Cells]]]:
    """Each table and figure with the settings of its runs here, and its cells."""
    from attnctl.cli.reporting.paper_tables import trained_with
    from attnctl.papers.runs import Settings, cells_of, figure_cells

    for table in paper.tables.values():
        settings = trained_with(index, table)[0] if index is not None else Settings()
        yield table, settings, cells_of(table, settings)
    for figure in paper.figures.values():
        settings = trained_with(index, figure, paper=paper)[0] if index is not None else Settings()
        yield figure, settings, figure_cells(figure, paper, settings)


def _part(
    paper: Paper,
    table_or_figure: PaperTable | Figure,
    settings: Settings,
    cells: Sequence[Cells],
    runs: Mapping[str, Sequence[RunRow]],
) -> Part:
    kind = "table" if isinstance(table_or_figure, library.PaperTable) else "figure"
    prefix = str(paper.file) if paper.file is not None else paper.name.lower()
    return Part(
        kind=kind,
        number=table_or_figure.number,
        name=f"{kind} {prefix}:{table_or_figure.number}",
        caption=table_or_figure.caption,
        rows=len(table_or_figure.rows)
        if isinstance(table_or_figure, library.PaperTable)
        else len({item.row.name for item in cells}),
        changed=settings.summary(),
        cells=tuple(_state(item, runs) for item in cells),
    )


def _state(cells: Cells, runs_by_family: Mapping[str, Sequence[RunRow]]) -> State:
    """The progress of a cell's runs, including those of all candidates."""
    from attnctl.reports.replicates import finished, of_versions, rows_of

    if cells.reason:
        return State(row=cells.row.name, columns=cells.columns, state=cells.reason, waits=cells.reason)
    done, states = 0, []
    variants = cells.selection or cells.variants
    for variant in variants:
        runs = of_versions(rows_of(variant, runs_by_family), {spec.id for spec in variant}, cells.seeds)
        n = sum(map(finished, runs.rows))
        done += n
        states.append(runs.state(n) or "done")
    state = comma_join(dict.fromkeys(states))
    return State(
        row=cells.row.name,
        columns=cells.columns,
        state=state if len(states) == 1 else f"{state} ({len(states)} candidates)",
        done=done,
        wanted=len(cells.seeds) * len(variants),
    )


# --------------------------------------------------------------------------------------------------------------- output


def _line(part: Part) -> list[str]:
    waiting = comma_join(f"{number}: {reason}" for reason, number in part.waiting.items())
    done = f"{part.done} of {part.trainable}" if part.trainable else "" if part.cells else "computed"
    return [part.name, str(part.rows), done, waiting, part.changed, part.caption]


def _show(paper: Paper, parts: Sequence[Part]) -> None:
    """Print each table with the state of every training of its rows."""
    output.prose(f"{paper.name}: {paper.title}" + (f" ({paper.address})" if paper.address else ""))
    for part in parts:
        output.line()
        output.prose(f"{part.kind} {part.number}: {part.caption}")
        if part.changed:
            output.prose(f"trained here with {part.changed}")
        if not part.cells:
            output.prose(f"{quantity(part.rows, 'row')}, none of which is trained")
            continue
        output.prose(f"done: {part.done} of {quantity(part.trainable, 'training')}")
        output.table(_STATES, [[cell.row, comma_join(cell.columns), cell.state] for cell in part.cells])


def _as_json(paper: Paper, parts: Sequence[Part]) -> dict[str, Any]:
    return {
        "name": paper.name,
        "title": paper.title,
        "address": paper.address,
        "file": str(paper.file) if paper.file is not None else None,
        "parts": [
            {**asdict(part), "done": part.done, "trainable": part.trainable, "waiting": part.waiting} for part in parts
        ],
    }
