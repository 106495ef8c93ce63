"""One run of a job that several runs share: it is started by srun, followed, and stopped if it is cancelled."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from attnctl.files import read_end
from attnctl.files import reason as reason_of
from attnctl.jobs.runtime import launch
from attnctl.jobs.slurm import steps
from attnctl.jobs.slurm.observe import memory_error, record
from attnctl.jobs.submission import guard
from attnctl.lifecycle.state import STEP, first_failure
from attnctl.workspace.layout import Attempt
from attnctl.workspace.records import Exit, Observed

log = logging.getLogger("attnctl.jobs.packed")

PATIENCE = 60.0
"""Seconds that a cancelled run has to save."""

_CANCEL_INTERVAL = 2.0
"""Seconds between two looks at whether the run was cancelled."""

_OF_THE_JOB = {"preempted", "timeout"}
"""Outcomes of a run that was stopped because its job is: what SLURM says of the job decides the run's state."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What starts a run of this job. srun: with the options that all steps have. worker: the command of its processes.

    restart: how often SLURM has restarted the job. runs_now: whether SLURM still runs this start of the job; None if it
    does not answer.
    """

    srun: Sequence[str]
    worker: Sequence[str]
    environ: Mapping[str, str]
    job_id: str
    node: str
    restart: int
    runs_now: Callable[[], bool | None]


class Step:
    """The step of one run. task: its number in the submission; place: which one of the job it has."""

    def __init__(self, command: Command, attempt: Attempt, task: int, place: int = 0) -> None:
        self.attempt, self.task, self.place = attempt, task, place
        self.run = attempt.path.parent.parent.name
        self.interrupted = False
        """Whether it was stopped because its job is, so that no further run may start in it."""
        self._command = command
        self._log = attempt.worker_log  # output of srun, and of ranks until they switch to their own logs
        self._cancelled_at: float | None = None
        self._next_look = 0.0
        self._process = self._start()
        self._record("RUNNING")

    def _start(self) -> subprocess.Popen[bytes]:
        command = self._command
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as stream:
            return subprocess.Popen(
                [*command.srun, f"--job-name={self.run}", *command.worker, "--task", str(self.task)],
                env={**command.environ, launch.LOG_START: str(stream.tell())},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    @property
    def outdated(self) -> bool:
        """Whether SLURM has started the job and the run again elsewhere, because it took this node for lost."""
        return any(start.token[1] > self._command.restart for start in self.attempt.incarnations()[-1:])

    @property
    def requeued(self) -> bool:
        """Whether the run is to go on once SLURM has requeued the job."""
        return any(item.requeued for item in self.exits())

    def exits(self) -> list[Exit]:
        """The exit records of this start."""
        return self.attempt.incarnation(self._command.restart).exits()

    def ended(self, *, stopping: bool) -> bool:
        """Whether it has ended; records that. stopping: whether the job is being stopped."""
        code = self._process.poll()
        if code is None:
            self._stop_if_cancelled()
            return False
        self._end(code, stopping=stopping)
        return True

    def _stop_if_cancelled(self) -> None:
        now = time.monotonic()
        if self._cancelled_at is not None:
            if now > self._cancelled_at + PATIENCE:
                self._process.send_signal(steps.KILL)
        elif now > self._next_look:
            self._next_look = now + _CANCEL_INTERVAL
            if self.attempt.cancel.exists():
                self._process.send_signal(steps.STOP)
                self._cancelled_at = now

    def _end(self, code: int, *, stopping: bool) -> None:
        exits = self.exits()
        if self.outdated or (not exits and not self._command.runs_now()):
            self.interrupted = True  # what SLURM says of the job decides
            return
        cause = first_failure(exits)
        outcome = cause.outcome if cause is not None else ""
        cancelled = self.attempt.cancel.exists()
        self.interrupted = outcome in _OF_THE_JOB or (stopping and not exits)
        if cancelled and outcome in {"", "interrupted"} and not _completed(exits):
            self._record("CANCELLED")
        elif not self.interrupted:
            reason = "" if exits else _error_in(self._log)
            self._record("FAILED" if code else "COMPLETED", exit_code=_exit_code(code), reason=reason)

    def _record(self, word: str, *, exit_code: str = "", reason: str = "") -> None:
        _record(self._command, self.attempt, word, exit_code=exit_code, reason=reason)


def hold(command: Command, attempt: Attempt, reason: str) -> None:
    """Record that a run is held instead of started."""
    guard.hold(attempt, reason, command.node)
    _record(command, attempt, "COMPLETED")


def _record(command: Command, attempt: Attempt, word: str, *, exit_code: str = "", reason: str = "") -> None:
    """Record what became of a run; if that is impossible, what SLURM says of the job has to do."""
    observed = Observed(at=time.time(), job_id=command.job_id, word=word, source=STEP, nodes=command.node)
    try:
        record(attempt, replace(observed, exit_code=exit_code, reason=reason))
    except OSError as error:
        log.warning("cannot record that the run is %s: %s", word, reason_of(error))


def command_of_worker(workspace: Path, tag: str, settings: str) -> list[str]:
    """The command of each process of a run."""
    options = ["--workspace", str(workspace), "--tag", tag, *(["--settings", settings] if settings else [])]
    return [sys.executable, "-u", "-P", "-m", "attnctl.jobs.worker", *options]


def _completed(exits: Sequence[Exit]) -> bool:
    return bool(exits) and all(item.outcome == "completed" for item in exits)


def _exit_code(code: int) -> str:
    """srun's exit code in the form of sacct."""
    return f"{code}:0" if code >= 0 else f"0:{-code}"


def _error_in(log: Path) -> str:
    """Why a run left no exit record: it was ended for its memory, else the last line of its log."""
    try:
        text = read_end(log)
    except OSError:
        return ""
    lines = text.decode(errors="replace").strip().splitlines()
    return memory_error(text) or (lines[-1][:200] if lines else "")
