"""The live progress of runs on this machine: a bar for each run on a terminal, a line per change in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from attnctl.cli import output
from attnctl.cli.sweeping.run_names import short_names
from attnctl.cli.sweeping.time_left import WAITING, TimeLeft
from attnctl.cli.text_width import shortened
from attnctl.jobs.local.supervisor import PATIENCE
from attnctl.metrics import DECIDING
from attnctl.spec import RunSpec
from attnctl.units import duration, plural, quantity
from attnctl.values import first_of

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from attnctl.jobs.local.runner import Progress

_BAR, _NARROW_BAR, _WIDE = 24, 8, 110
"""Cells of a bar, on a terminal that is wide and on one that is not."""

_LEAST_NAME = 12
_NAMED = 4
"""Runs that a message names."""

_FIGURES = 58
"""Cells beside a run's name: its bar, steps, time, and last figures. Names are shortened before these."""


class Display(Protocol):
    """Takes the news of the runs."""

    def __call__(self, progress: Progress) -> None:
        """Show the newest of one run."""

    def interrupted(self, count: int, runs: Sequence[str]) -> None:
        """Say what is waited for. count: how often the user has pressed Ctrl-C. runs: those that train."""


@contextmanager
def display(specs: Sequence[RunSpec]) -> Iterator[Display]:
    """A display for these runs on standard error, so that standard output holds results alone."""
    names = short_names(specs)
    if output.is_terminal(sys.stderr):
        with bars() as shown:
            yield _Bars(shown, names)
    else:
        yield _Lines(names)


def bars() -> Bars:
    """Bars on standard error, each with a description, the number of steps, the remaining time and news."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True, highlight=False)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR if console.width >= _WIDE else _NARROW_BAR),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}", markup=False),
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
        self._time_left = TimeLeft(names)
        self._total = bars.add_task("all runs", total=len(names), news="", left="")

    def __call__(self, progress: Progress) -> None:
        run = progress.run
        self._time_left.take(progress)
        if progress.state not in WAITING:
            self._end(progress)
        elif progress.state != "queued":
            if run not in self._tasks:
                name = shortened(self._names[run], max(_LEAST_NAME, self._bars.console.width - _FIGURES))
                self._tasks[run] = self._bars.add_task(name, total=None, news="", left="")
            total = progress.steps or None
            figures, left = news(progress, steps=False), _left(self._time_left.of_run(run))
            self._bars.update(self._tasks[run], completed=progress.step, total=total, news=figures, left=left)
        self._bars.update(self._total, left=_left(self._time_left.of_all()))

    def interrupted(self, count: int, runs: Sequence[str]) -> None:
        """Print what is waited for above the bars."""
        self._bars.console.print(stopping(count, [self._names[run] for run in runs]), markup=False)

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
    """A line when the state of a run changes, or its metrics do."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._time_left = TimeLeft(names)
        self._before: dict[str, Progress] = {}

    def __call__(self, progress: Progress) -> None:
        run, before = progress.run, self._before.get(progress.run)
        self._time_left.take(progress)
        same = before is not None and (before.state, before.metrics) == (progress.state, progress.metrics)
        if progress.state == "queued" or same:
            return
        self._before[run] = progress
        ended = sum(item.state not in WAITING for item in self._before.values())
        what = news(progress) if progress.state in WAITING else ending(progress)
        left = self._time_left.of_all()
        left_words = f"; all runs: {duration(left)} left" if left is not None else ""
        output.note(f"[{ended}/{len(self._names)}] {self._names[run]}: {what}{left_words}")

    def interrupted(self, count: int, runs: Sequence[str]) -> None:
        """Print what is waited for."""
        output.note(stopping(count, [self._names[run] for run in runs]))


def stopping(count: int, names: Sequence[str]) -> str:
    """What a Ctrl-C waits for. count: how often it was pressed. names: of the runs that train."""
    if not names:
        return "Stopping."
    runs, listed = quantity(len(names), "run"), first_of(names, _NAMED)
    if count > 1:
        return f"Stopping now: killing {runs} ({listed})."
    save = plural(len(names), "saves its checkpoint", "save their checkpoints")
    return f"Stopping: {runs} ({listed}) {save}, in at most {PATIENCE:.0f} s. Press Ctrl-C again to kill."


def _left(seconds: float | None) -> str:
    return duration(seconds) if seconds is not None else ""


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
