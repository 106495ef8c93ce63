"""One cell of a paper's table: what is published, what we have, and how they differ."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from attnctl import models, papers
from attnctl.metrics import BY_KEY, deciding
from attnctl.papers import audit, counts, traits
from attnctl.reports import imported
from attnctl.reports.published.candidates import Chosen
from attnctl.reports.published.columns import Shown, unit_of
from attnctl.reports.published.extra_rows import Extra
from attnctl.reports.replicates import BEST_ON_TEST, NOT_RUN, Epoch, Metric, finished, gain_cell
from attnctl.reports.statistics.gains import gain
from attnctl.reports.table import Cell
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join
from attnctl.workspace.records import Imported

LONGEST_STATE = 40
"""Characters of a reason that stands in a cell; a longer one becomes a footnote."""

_WORDS = {True: "yes", False: "no"}


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A cell of the paper's table: published, and ours.

    why: what is published is not ours. apart: ours minus published. by_seed: ours, where it was trained
    """

    published: str = ""
    why: str = ""
    measured: Cell
    exact: Cell
    apart: Cell
    by_seed: Mapping[int, float] = field(default_factory=dict)

    def part(self, shown: Shown, baseline: Filled | None, *, unpaired: bool = False) -> Cell:
        """The cell of one of our columns. baseline: the same column's cell in the group's plain row.

        unpaired: gains have Welch's interval even where the rows share seeds
        """
        match shown.part:
            case "published":
                return Cell(printed=self.published, marks=(self.why,) if self.why else ())
            case "measured":
                return self.measured
            case "exact":
                return self.exact
            case "difference":
                return self.apart
            case "gain":
                if not self.by_seed or baseline is None or not baseline.by_seed or baseline is self:
                    return Cell()
                return gain_cell(self.measured, gain(self.by_seed, baseline.by_seed, unpaired=unpaired))


@dataclass(frozen=True, kw_only=True)
class Material:
    """What the cells of a table are filled with.

    chosen: by row's name and column's key, the runs. fps: images per second by row's name
    """

    table: papers.PaperTable
    chosen: Mapping[tuple[str, str], Chosen]
    fps: Mapping[str, float]
    imports: Sequence[Imported]
    epoch: Epoch
    unpaired: bool = False
    """Gains have Welch's interval even where the rows share seeds."""
    extra: Extra = field(default_factory=Extra)
    """The rows that are not the paper's."""

    def fill(self, row: papers.Row, shown: Shown) -> Filled:
        """The cell of a row in a paper's column. shown: that column's part that is ours."""
        column = shown.of
        found = self._fill(row, column)
        metric = metric_of(column, self.epoch)
        elsewhere = imported.of_cell(self.imports, self.table, row, column)
        cell = imported.with_imports(found.measured, elsewhere, metric, shown.column)
        number = number_of(found.published, column)
        if found.measured.value is None and cell.value is not None and number is not None:
            found = replace(found, apart=Cell(value=cell.value - number))
        return replace(found, measured=cell, why=row.explained.get(column.key, ""))

    def _fill(self, row: papers.Row, column: papers.PaperColumn) -> Filled:
        published = row.published.get(column.key, "")
        if column.kind == "words":
            return _filled(published, Cell())
        if row.setup_of(column).waits:
            return _filled(published, Cell(state=waiting(row)))
        match column.kind:
            case "trait":
                return _filled(published, _trait(row, column))
            case "fps":
                return self._speed(row, column)
            case "params" | "flops":
                return self._counted_by_run(row, column) if row.on in self.extra.parents else self._counted(row, column)
            case _:
                return self._trained(row, column)

    def _trained(self, row: papers.Row, column: papers.PaperColumn) -> Filled:
        published = row.published.get(column.key, "")
        found = self.chosen.get((row.name, column.key))
        if found is None or not found.cells.variants:
            reason = found.cells.reason if found else ""
            if len(reason) > LONGEST_STATE:
                return _filled(published, Cell(state="cannot be run", marks=(reason,)))
            return _filled(published, Cell(state=reason or NOT_RUN))
        metric = metric_of(column, self.epoch)
        by_seed = found.runs.by_seed(metric)
        cell = found.runs.cell(metric, _notes_of(found, self.epoch) if by_seed else _other_metrics(found, column))
        number = number_of(published, column) if column.key not in found.cells.elsewhere else None
        apart = cell.value - number if cell.value is not None and number is not None else None
        return replace(_filled(published, cell), apart=Cell(value=apart, n=cell.n, runs=cell.runs), by_seed=by_seed)

    def _speed(self, row: papers.Row, column: papers.PaperColumn) -> Filled:
        published = row.published.get(column.key, "")
        value, number = self.fps.get(row.name), number_of(published, column)
        if any(item.cells.elsewhere for (name, _), item in self.chosen.items() if name == row.name):
            number = None  # of another network, or of images of another size
        cell = Cell(value=value, state="" if value is not None else "not measured")
        apart = value - number if value is not None and number is not None else None
        return replace(_filled(published, cell), apart=Cell(value=apart))

    def _counted_by_run(self, row: papers.Row, column: papers.PaperColumn) -> Filled:
        """A run counts its own network exactly."""
        attribute = "params" if column.metric == "params" else "macs"
        runs = [run for (name, _), item in self.chosen.items() if name == row.name for run in item.runs.rows]
        value = next((found for run in runs if (found := getattr(run, attribute)) is not None), None)
        return Filled(measured=Cell(), exact=Cell(value=value), apart=Cell())

    def _counted(self, row: papers.Row, column: papers.PaperColumn) -> Filled:
        """Ours is shown as the paper prints it, so that the difference is that of the two printed numbers."""
        published, setup = row.published.get(column.key, ""), row.setup_of(column)
        found = counts.of(setup, column)
        if found is None:
            return _filled(published, Cell(state="cannot be built"))
        unit = unit_of(self.table, column)
        plain = "" if column.unit else f"{found.counted / audit.UNITS[unit]:.{column.decimals}f}{unit}"
        cell = Cell(value=found.counted, printed=plain if unit else "")
        exact = Cell(value=found.exact)
        try:
            number, unit, digits = audit.read(published, audit.unit_of(setup, column))
        except SpecError:
            return replace(_filled(published, cell), exact=exact)
        ours = audit.rounded(found.counted, unit, digits)
        suffix = "" if published[-1:].isdigit() else unit
        apart = Cell(value=float((ours - number) * audit.UNITS[unit]), printed=f"{_plain(ours - number):+}{suffix}")
        return Filled(
            published=published, measured=replace(cell, printed=f"{_plain(ours)}{suffix}"), exact=exact, apart=apart
        )


def metric_of(column: papers.PaperColumn, epoch: Epoch) -> Metric:
    """What a column takes of a run."""
    return Metric(name=column.metric, epoch=epoch, error=column.error)


def waiting(row: papers.Row) -> str:
    """What a row says whose network is none of attnctl's."""
    return f"waits for {row.setup.task}"


def number_of(published: str, column: papers.PaperColumn) -> float | None:
    """The number that a paper prints, as `78.54`, `78.54%`, `115FPS`; none where it prints something else."""
    match = re.fullmatch(rf"([+-]?\d+(?:\.\d+)?)\s*(?:{re.escape(column.unit)})?", published)
    return float(match[1]) if match else None


def _filled(published: str, measured: Cell) -> Filled:
    return Filled(published=published, measured=measured, exact=Cell(), apart=Cell())


def _trait(row: papers.Row, column: papers.PaperColumn) -> Cell:
    try:
        found = traits.of(row.setup_of(column))
    except SpecError as error:
        return Cell(state="cannot be built", marks=(str(error),))
    return Cell(printed="-" if found is None else _WORDS[getattr(found, column.metric)])


def _other_metrics(found: Chosen, column: papers.PaperColumn) -> tuple[str, ...]:
    """Which metrics the completed runs have instead, as COCO's on a data set that is not VOC's."""
    done = [run for run in found.runs.rows if finished(run)]
    if not done or any(column.metric in run.metrics for run in done):
        return ()
    labels = [BY_KEY[name].label for name in deciding(models.task(done[0].model)) if name in done[0].metrics]
    dataset, metric = done[0].dataset, BY_KEY[column.metric].label if column.metric in BY_KEY else column.metric
    return (f"runs on {dataset} measure {comma_join(labels)} instead of {metric}",) if labels else ()


def _notes_of(found: Chosen, epoch: Epoch) -> tuple[str, ...]:
    notes = [found.note] if found.note else []
    if found.runs.left_out:
        runs = quantity(found.runs.left_out, "run")
        notes.append(f"{runs} of another code version left out")
    if epoch == "best" and found.spec is not None and not found.spec.recipe.val_split:
        notes.append(BEST_ON_TEST)
    return tuple(notes)


def _plain(number: Decimal) -> Decimal:
    """Without an exponent: 0E+1 is 0."""
    return number.quantize(Decimal(1)) if int(number.as_tuple().exponent) > 0 else number
