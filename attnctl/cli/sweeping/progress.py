"""The live progress of runs on this machine: a bar for each run on a terminal, periodic lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from attnctl.cli import output
from attnctl.cli.sweeping.run_names import short_names
from attnctl.cli.text_width import shortened
from attnctl.metrics import DECIDING
from attnctl.spec import RunSpec

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from attnctl.jobs.local.runner import Progress

LINE_EVERY = 5.0
"""Seconds between the lines of a run that are written to a pipe."""

_BAR, _NARROW_BAR, _WIDE = 24, 8, 110
"""Cells of a bar, on a terminal that is wide and on one that is not."""

_LEAST_NAME = 12
_FIGURES = 58
"""Cells beside a run's name: its bar, steps, time, and last figures. Names are shortened before these."""

_WAITING = {"queued", "starting", "running"}


class Display(Protocol):
    """Takes the news of the runs."""

    def __call__(self, progress: Progress) -> None:
        """Show the newest of one run."""


@contextmanager
def display(specs: Sequence[RunSpec]) -> Iterator[Display]:
    """A display for these runs on standard error, so that standard output holds results alone."""
    names = short_names(specs)
    if output.is_terminal(sys.stderr):
        with _bars() as bars:
            yield _Bars(bars, names)
    else:
        yield _Lines(names)


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR if console.width >= _WIDE else _NARROW_BAR),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[news]}", markup=False),
        console=console,
        refresh_per_second=4,
    )


class _Bars:
    """A bar for each run under way and one for all; a run that has ended leaves a line above."""

    def __init__(self, bars: Bars, names: Mapping[str, str]) -> None:
        self._bars, self._names = bars, names
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()
        self._total = bars.add_task("all runs", total=len(names), news="")

    def __call__(self, progress: Progress) -> None:
        run = progress.run
        if progress.state not in _WAITING:
            self._end(progress)
        elif progress.state != "queued":
            if run not in self._tasks:
                name = shortened(self._names[run], max(_LEAST_NAME, self._bars.console.width - _FIGURES))
                self._tasks[run] = self._bars.add_task(name, total=None, news="")
            total = progress.steps or None
            figures = news(progress, steps=False)
            self._bars.update(self._tasks[run], completed=progress.step, total=total, news=figures)

    def _end(self, progress: Progress) -> None:
        run = progress.run
        if run in self._ended:
            return
        self._ended.add(run)
        if run in self._tasks:
            self._bars.remove_task(self._tasks[run])
        self._bars.console.print(f"{self._names[run]}: {ending(progress)}", markup=False)
        self._bars.update(self._total, completed=len(self._ended))


class _Lines:
    """A line when a run starts or ends, and every few seconds while it runs."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._states: dict[str, str] = {}
        self._last: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        run, now = progress.run, time.monotonic()
        changed = self._states.get(run) != progress.state
        if progress.state == "queued" or not (changed or now >= self._last[run] + LINE_EVERY):
            return
        self._states[run], self._last[run] = progress.state, now
        ended = sum(state not in _WAITING for state in self._states.values())
        what = news(progress) if progress.state in _WAITING else ending(progress)
        output.note(f"[{ended}/{len(self._names)}] {self._names[run]}: {what}")


def news(progress: Progress, *, steps: bool = True) -> str:
    """The progress of an active run: `step 40/220, top-1 91.2 %, 800 images/s`. steps: whether to show the step."""
    if progress.state != "running":
        return progress.state
    parts = [f"step {progress.step}/{progress.steps}"] if steps and progress.steps else []
    parts += filter(None, [standing(progress.metrics)])
    parts += [f"{progress.images_per_s:.0f} images/s"] if progress.images_per_s else []
    return ", ".join(parts) or "running"


def ending(progress: Progress) -> str:
    """How a run ended, with its last figure."""
    return ", ".join(filter(None, [progress.state, standing(progress.metrics)]))


def standing(metrics: Mapping[str, float]) -> str:
    """`top-1 91.22 %`, or `AP 31.20 %`, by what was measured; empty when it was not."""
    return next((f"{one.label} {metrics[one.key]:.2f} %" for one in DECIDING if one.key in metrics), "")
