"""What a reader must know to read the comparison's numbers right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attnctl import own_data
from attnctl.db import RunRow
from attnctl.metrics import BY_KEY
from attnctl.reports.comparison.columns import FPS
from attnctl.reports.comparison.metrics import COLUMNS, definitions, primary
from attnctl.reports.footnotes import partial_loads
from attnctl.reports.ranking import bold_notes
from attnctl.reports.selection import Options
from attnctl.reports.significance import Comparisons, gain_notes
from attnctl.reports.table import ReportColumn, ReportTable


def notes(
    rows: Sequence[RunRow],
    varying: Mapping[str, list[str]],
    table: ReportTable,
    tests: Comparisons,
    options: Options,
    *,
    several: bool,
    fps: str,
) -> Iterator[str]:
    """The notes, in order. table: as it is shown. tests: of its gains.

    several: some row has several seeds. fps: its conditions.
    """
    columns, epoch, shown = table.columns, options.epoch, options.names
    metrics = [column for column in columns if column.name in COLUMNS] if rows else []
    if metrics:
        yield (
            f"{definitions(metrics)}{' on' if _accuracy(metrics) else '; on'} {_where(rows)} "
            f"{'after the LAST epoch' if epoch == 'last' else f'in the epoch with the highest {_decisive(rows)}'}."
        )
        yield from bold_notes(table, "the highest", unpaired=options.unpaired)
    for column in columns:
        if column.measured and column.name not in COLUMNS and rows:
            yield f"{column.name}: a metric of your own, on the same images; {column.better} is better."
    if several and metrics:
        yield "Mean ± sample standard deviation (ddof = 1) over the completed seeds."
    yield from gain_notes(table, tests)
    if any(column.name in {"params", "macs"} for column in columns):
        yield (
            "params: all parameters. MACs: multiply-accumulates of convolutions and matrix products, one image. Exact."
        )
    for module, names in sorted(varying.items()):
        settings = next(row.hyperparameters for row in rows if row.module == module)
        same = [(name, value) for name, value in sorted(settings.items()) if name not in names]
        if same:
            yield f"{shown.module(module)}: {shown.settings(same)[1:-1]} in all rows."
    placements = sorted({row.placement for row in rows if row.placement})
    if len(placements) == 1:
        yield f"placement: {placements[0]}."
    for row in rows:
        if row.alarm:
            yield f"Run {row.id}: {row.alarm}."
    yield from (f"{words[0].upper()}{words[1:]}." for words in own_data.namesakes(row.dataset for row in rows))
    yield from partial_loads({row.label: row.init for row in rows})
    if fps and FPS in columns:
        yield f"FPS: images per second of inference; {fps}."


def _accuracy(metrics: Sequence[ReportColumn]) -> bool:
    """Whether they are a classifier's alone."""
    return all(column.name in {"top1", "top5"} for column in metrics)


def _decisive(rows: Sequence[RunRow]) -> str:
    """The metric of the best epoch, or of several tasks each one's."""
    return " or ".join(dict.fromkeys(BY_KEY[primary(row)].label for row in rows))


def _where(rows: Sequence[RunRow]) -> str:
    """On which images."""
    recipes = {row.recipe_values: row for row in rows}
    held_out = {float(str(row.recipe.get("val_split") or 0)) > 0 for row in recipes.values()}
    if held_out == {True}:
        return "images held out of the training set (val_split)"
    return (
        "the test set"
        if True not in held_out
        else "the test set, or images held out of the training set where val_split is not 0"
    )
