"""Writes the checkpoints of a training: in a thread while it goes on, if there is memory for a copy of the state."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Any

from attnctl.jobs.runtime import disk_full, host_memory
from attnctl.jobs.training import checkpoint
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.events import EventLog
from attnctl.units import size as shown
from attnctl.workspace.records import Event

log = logging.getLogger(__name__)

_SHORT = 0.1
"""Seconds. A thread is not worth while for a checkpoint that is written in less."""

_SHARE = 0.5
"""Share of the spare memory that a copy of the state may take."""


@dataclass(frozen=True)
class Saved:
    """The end of a write. seconds: from the copy of the state on; size: of the file in bytes, 0 if the disk is full."""

    step: int
    seconds: float
    size: int


class _Write:
    """One write in the background, which starts at once. `size` or `error`, and `seconds`, are set at its end."""

    def __init__(self, step: int, started: float, write: Callable[[], int]) -> None:
        self.step, self.seconds, self.size = step, 0.0, 0
        self.error: BaseException | None = None
        self.thread = Thread(target=self._run, args=(started, write), name="checkpoint", daemon=True)
        self.thread.start()

    def _run(self, started: float, write: Callable[[], int]) -> None:
        try:
            self.size = write()
        except BaseException as error:
            self.error = error
        self.seconds = time.monotonic() - started


class CheckpointWriter:
    """Writes the checkpoints of one run, one at a time, and their events.

    An event is written after the checkpoint has its final name and by the thread that trains: the next call of `finish`
    writes it.
    """

    def __init__(self, context: TrainingContext, events: EventLog | None) -> None:
        self._context, self._events = context, events
        self._running: _Write | None = None
        self._last_took = _SHORT
        self._told = False

    @property
    def busy(self) -> bool:
        """Whether a write is not finished by `finish` yet."""
        return self._running is not None

    def write(self, step: int, state: dict[str, Any], *, last: bool = False) -> Saved:
        """Write the state after `step` steps while the training waits; nothing may be written in the background.

        last: the run is complete, so all other checkpoints are deleted, and it waits while the disk is full. Raises
        OSError; for a full disk only if `last`.
        """
        started = time.monotonic()

        def attempt() -> int:
            self._context.beat()
            if self._events is not None:
                self._events.sync()  # the metrics must not be lost, since their epoch is not trained again
            return self._save(step, checkpoint.on_cpu(state), 1 if last else checkpoint.KEPT)

        try:
            size = (
                disk_full.retry_while_disk_full(attempt, lambda: self._context.signals.received) if last else attempt()
            )
        except OSError as error:
            if last:
                raise
            return self._failed(step, started, error)
        return self._recorded(Saved(step, time.monotonic() - started, size))

    def begin(self, step: int, state: dict[str, Any]) -> Saved | None:
        """As `write`, but returns None as soon as the state is copied, if it can be written in the background."""
        if self._last_took < _SHORT or not self._fits(state):
            return self.write(step, state)
        started, events = time.monotonic(), self._events
        copy = checkpoint.on_cpu(state, copy=True)

        def save() -> int:
            if events is not None:
                events.fsync()
            return self._save(step, copy, checkpoint.KEPT)

        try:
            if events is not None:
                events.flush()
        except OSError as error:
            return self._failed(step, started, error)
        self._running = _Write(step, started, save)
        return None

    def finish(self, *, wait: bool) -> Saved | None:
        """How the write in the background ended; None if there is none, or if it still runs and `wait` is false.

        Raises OSError unless the disk is full, and what else the write raised.
        """
        write = self._running
        if write is None or (write.thread.is_alive() and not wait):
            return None
        write.thread.join()
        self._running = None
        if isinstance(write.error, OSError):
            return self._failed(write.step, time.monotonic() - write.seconds, write.error)
        if write.error is not None:
            raise write.error
        return self._recorded(Saved(write.step, write.seconds, write.size))

    def end_after(self, error: BaseException) -> None:
        """Wait for the write in the background: the training ends by `error`, which is reported instead of its own."""
        try:
            self.finish(wait=True)
        except Exception as other:
            log.warning("no checkpoint, besides %s: %s", type(error).__name__, other)

    def _save(self, step: int, state: dict[str, Any], keep: int) -> int:
        return checkpoint.save(self._context.run, checkpoint.Name(self._context.token, step), state, keep)[1]

    def _fits(self, state: dict[str, Any]) -> bool:
        """Whether there is memory for a copy of the state; says once that there is not."""
        needed, spare = checkpoint.memory(state), host_memory.spare()
        fits = needed <= _SHARE * spare
        if not (fits or self._told):
            self._told = True
            log.info(
                "the training waits for its checkpoints: a copy to write in the background takes %s, and %s are spare",
                shown(needed),
                shown(spare),
            )
        return fits

    def _failed(self, step: int, started: float, error: OSError) -> Saved:
        if not disk_full.is_full(error):
            raise error
        log.warning("no checkpoint at step %d: %s", step, error)
        return Saved(step, time.monotonic() - started, 0)

    def _recorded(self, saved: Saved) -> Saved:
        self._last_took = saved.seconds
        if self._events is not None:
            self._events.write(Event.CHECKPOINT, step=saved.step, seconds=saved.seconds, bytes=saved.size)
        return saved
