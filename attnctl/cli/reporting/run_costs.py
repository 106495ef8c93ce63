"""What the runs of a comparison took: hours of training, memory, energy, and how busy their GPUs were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from attnctl.lifecycle.usage import Spread, Usage, joules_of, of_attempt
from attnctl.reports.comparison.columns import ENERGY, GPU, HOURS, MEMORY, WAIT
from attnctl.reports.selection import key_of

if TYPE_CHECKING:
    from attnctl.db import Index, RunRow


def of_runs(index: Index, rows: Sequence[RunRow], columns: Iterable[str]) -> Mapping[str, Mapping[str, float]]:
    """Column -> run -> value, for the asked columns that are measured here. columns: as --columns has them."""
    asked = {word.partition(".")[0] for word in columns}
    known: dict[str, Callable[[Index, Sequence[RunRow]], Mapping[str, float]]] = {
        key_of(HOURS): hours,
        key_of(MEMORY): _memory,
        key_of(GPU): partial(_newest, lambda usage: usage.gpu_busy),
        key_of(WAIT): partial(_newest, lambda usage: usage.waited),
        key_of(ENERGY): _energy,
    }
    return {key: found for key, measure in known.items() if key in asked and (found := measure(index, rows))}


def hours(index: Index, rows: Sequence[RunRow]) -> Mapping[str, float]:
    """The hours of each run: of all processes, over all attempts."""
    wanted, found = {row.id for row in rows}, defaultdict[str, float](float)
    for timing in index.timings():
        if timing.run in wanted:
            found[timing.run] += (timing.heartbeat - timing.started) * timing.world / 3600
    return found


def _memory(index: Index, rows: Sequence[RunRow]) -> Mapping[str, float]:
    """Bytes of the largest process: of GPUs if runs used them, else of the processes themselves."""
    gpu: dict[str, int] = {}
    resident: dict[str, int] = {}
    for row in rows:
        starts = [start for attempt in index.workspace.run(row.id).attempts() for start in attempt.incarnations()]
        exits = [record for start in starts for record in start.exits()]
        gpu[row.id] = max((record.max_gpu for record in exits), default=0)
        resident[row.id] = max((record.max_rss for record in exits), default=0)
    found = gpu if any(gpu.values()) else resident
    return {run: float(peak) for run, peak in found.items() if peak}


def _newest(value: Callable[[Usage], Spread | None], index: Index, rows: Sequence[RunRow]) -> Mapping[str, float]:
    """The mean over the processes in the newest start that knows it, in percent."""
    found = {}
    for row in rows:
        starts = [usage for attempt in index.workspace.run(row.id).attempts() for usage in of_attempt(attempt)]
        known = [spread for usage in starts if (spread := value(usage)) is not None]
        if known:
            found[row.id] = 100 * known[-1].mean
    return found


def _energy(index: Index, rows: Sequence[RunRow]) -> Mapping[str, float]:
    """Joules, over all attempts."""
    known = {row.id: joules_of(index.workspace.run(row.id)) for row in rows}
    return {run: joules for run, joules in known.items() if joules is not None}
