"""What a process knows about its training before the rendezvous. The worker creates it, without importing torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from attnctl.jobs.runtime.clock import RunningClock
from attnctl.jobs.runtime.failure import Position
from attnctl.jobs.training.signals import Signals
from attnctl.workspace.layout import RunDir


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """The run that a process trains, and its channels to the worker.

    token: (attempt, incarnation). position: updated as the run advances. signals: those that ask the run to stop.
    stopped: returns the outcome that a signal number means. beat: called whenever the loop has advanced. clock: stands
    still while the process is stopped. end: the job's time limit, in Unix seconds, without the time of such stops.
    save_every: seconds between checkpoints within an epoch.
    """

    run: RunDir
    token: tuple[int, int]
    position: Position = field(default_factory=Position)
    signals: Signals = field(default_factory=Signals)
    stopped: Callable[[int], str] = lambda _number: "interrupted"
    beat: Callable[[], None] = lambda: None
    clock: RunningClock = field(default_factory=RunningClock)
    end: float | None = None
    save_every: float = 300.0
