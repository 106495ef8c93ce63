"""What a reader must know to read a paper's table beside what was measured: the notes under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attnctl import papers
from attnctl.papers import audit
from attnctl.papers.model import COUNTED
from attnctl.reports import spreads
from attnctl.reports.published.candidates import Chosen
from attnctl.reports.published.columns import Shown
from attnctl.reports.ranking import bold_notes
from attnctl.reports.selection import Options
from attnctl.reports.significance import Comparisons, gain_notes
from attnctl.reports.table import ReportTable
from attnctl.values import comma_join


def notes(
    table: papers.PaperTable,
    made: ReportTable,
    tests: Comparisons,
    shown: Sequence[Shown],
    chosen: Iterable[Chosen],
    *,
    options: Options,
    changed: str,
    fps: str,
    extra: bool = False,
    replaced: bool = False,
) -> Iterator[str]:
    """The notes, in order. made: the table as it is shown. tests: of its gains. fps: its conditions.

    changed: a sentence on what replaces the paper's values. extra: whether rows that are not the paper's stand below.
    replaced: whether another recipe replaces the paper's
    """
    parts = {item.part for item in shown}
    ours = [item.of for item in shown if item.part not in {"published", "exact"}]
    trained = [item for item in chosen if item.runs.rows] if any(column.kind == "run" for column in ours) else []
    if changed:
        yield changed
    if extra:
        yield (
            "Not in the paper: runs here with the network, data set and recipe of a row, and another module, setting "
            "or place."
        )
    if trained:
        epoch = "after the LAST epoch" if options.epoch == "last" else "in the best epoch"
        yield f"Measured: {_where(trained)} {epoch}."
    if any(item.runs.wanted > 1 for item in trained):
        yield spreads.NOTE
    if "difference" in parts:
        yield "difference: ours minus published."
    if other := _elsewhere(trained):
        yield f"Numbers measured with {other} are not comparable with the published ones; no difference is shown."
    yield from gain_notes(made, tests)
    if trained:
        yield from bold_notes(made, "the best measured value", unpaired=options.unpaired)
    yield from _counting(table, shown)
    if fps and any(column.kind == "fps" for column in ours):
        yield f"FPS: images per second of inference; {fps}."
    if table.training and not replaced:
        yield f"Training. {table.training}"
    if table.note:
        yield table.note


def _elsewhere(trained: Sequence[Chosen]) -> str:
    """The data sets and networks on which numbers are measured instead of the paper's."""
    return comma_join(dict.fromkeys(words for item in trained for words in item.cells.elsewhere.values()))


def _where(trained: Sequence[Chosen]) -> str:
    """On which images."""
    held_out = {bool(row.recipe.get("val_split")) for item in trained for row in item.runs.rows[:1]}
    if held_out == {False}:
        return "on the test set"
    return (
        "on images held out of the training set"
        if held_out == {True}
        else "on the test set or, with val_split, images held out"
    )


def _counting(table: papers.PaperTable, shown: Sequence[Shown]) -> Iterator[str]:
    """How the figures of complexity are counted."""
    counted = [item.of for item in shown if item.part == "measured" and item.of.metric in COUNTED]
    for column in counted:
        rows = [row for row in table.rows if not row.setup_of(column).waits]
        ways = dict.fromkeys(audit.convention_of(row.setup_of(column), column) for row in rows)
        if ways:
            yield f"{column.title}: counted as the paper counted ({comma_join(ways)}); {_exact(column)}."


def _exact(column: papers.PaperColumn) -> str:
    if column.metric == "params":
        return "exact: all parameters"
    return "exact: multiply-accumulates of convolutions and matrix products"
