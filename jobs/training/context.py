"""What one process knows of its training before the ranks have met. No torch here: the worker makes it first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from attnctl.jobs.runtime.failure import Position
from attnctl.jobs.training.signals import Signals
from attnctl.workspace.layout import RunDir


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """The run that a process trains, and what that process tells of it and listens to.

    token: (attempt, incarnation). position: told how far the run is. signals: those that ask for its end, and stopped:
    the outcome that one of them means. beat: called whenever the loop has got on. end: the job's time limit, in Unix
    seconds. save_every: seconds between checkpoints within an epoch.
    """

    run: RunDir
    token: tuple[int, int]
    position: Position = field(default_factory=Position)
    signals: Signals = field(default_factory=Signals)
    stopped: Callable[[int], str] = lambda _number: "interrupted"
    beat: Callable[[], None] = lambda: None
    end: float | None = None
    save_every: float = 300.0
