"""What a reader must know to read the comparison's numbers right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attnctl import own_data
from attnctl.db import RunRow
from attnctl.metrics import BY_KEY
from attnctl.reports import spreads
from attnctl.reports.comparison.columns import ENERGY, FPS, GPU, HOURS, LATENCY, MEMORY, WAIT
from attnctl.reports.comparison.metrics import COLUMNS, definitions, primary
from attnctl.reports.comparison.training import training_notes
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
    sweeps: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    """The notes, in order. table: as it is shown. tests: of its gains.

    several: some row has several seeds. fps: its conditions. sweeps: those that stand side by side, with their runs.
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
        yield spreads.NOTE
    yield from gain_notes(table, tests)
    counted = [_COUNTED[column.name] for column in columns if column.name in _COUNTED]
    if counted:
        yield f"{' '.join(counted)} Exact."
    for module, names in sorted(varying.items()):
        settings = next(row.hyperparameters for row in rows if row.module == module)
        same = [(name, value) for name, value in sorted(settings.items()) if name not in names]
        if same:
            yield f"{shown.module(module)}: {shown.settings(same, module)[1:-1]} in all rows."
    yield from training_notes(rows, shown, sweeps)
    placements = sorted({row.placement for row in rows if row.placement})
    if len(placements) == 1:
        yield f"placement: {placements[0]}."
    for row in rows:
        if row.alarm:
            yield f"Run {row.id}: {row.alarm}."
    yield from (f"{words[0].upper()}{words[1:]}." for words in own_data.namesakes(row.dataset for row in rows))
    yield from partial_loads({row.label: row.init for row in rows})
    keys = {column.name for column in columns}
    if fps and keys & {FPS.name, LATENCY.name}:
        what = "FPS: images per second" if FPS.name in keys else "latency: time for an image"
        yield f"{what} of inference; {fps}."
    if HOURS.name in keys:
        yield "hours: training time of all processes together, over all attempts; the mean of the runs."
    if MEMORY.name in keys:
        yield "peak memory: of the largest process; on a GPU what PyTorch reserved there."
    if GPU.name in keys:
        yield "GPU busy: the part of the training in which the GPU computed, for all processes on it."
    if WAIT.name in keys:
        yield "waits for data: the part of the training in which a process waited for its next images."
    if ENERGY.name in keys:
        yield "energy: of a run's GPUs, else of its nodes' CPUs with all that runs on them; the mean of the runs."


_COUNTED = {
    "params": "params: all parameters.",
    "macs": "MACs: multiply-accumulates of convolutions and matrix products, one image.",
}


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
