"""Supervises one run on this machine: starts one process per rank, and follows what they write."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from attnctl.files import read_regular
from attnctl.jobs.slurm.commands import environment
from attnctl.jobs.slurm.observe import record, record_absence
from attnctl.jobs.submission import code_snapshot, guard
from attnctl.jobs.submission.script import settings_option
from attnctl.lifecycle.state import ABSENT
from attnctl.settings.config import Config
from attnctl.workspace import events
from attnctl.workspace.records import Observed, Resources

GRACE = 3.0
"""Seconds after the failure of a rank in which the other ranks may exit by themselves."""
PATIENCE = 60.0
"""Seconds that ranks have to save after a request to stop; a tenth of it if another rank has failed."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a run. state: queued, starting, running or the outcome; images_per_s: over all its processes."""

    run: str
    state: str
    step: int = 0
    steps: int = 0
    images_per_s: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)


class Job:
    """The processes of one attempt.

    Each has its own session, so the terminal's Ctrl-C reaches only the supervisor. If the supervisor is killed, the
    kernel sends them SIGTERM, so that none keeps training unsupervised.
    """

    def __init__(self, config: Config, tag: str, task: int, run: str, attempt: int, job_id: str) -> None:
        self.workspace, self.limit = config.workspace, config.resume.same_error
        self.root = config.workspace.root.absolute()
        self.tag, self.task, self.job_id = tag, task, job_id
        self.settings = settings_option(config)
        self.attempt = config.workspace.run(run).attempt(attempt)
        self.progress = Progress(run=run, state="queued")
        self.ended = False
        self._log = self.attempt.worker_log  # output of ranks until they switch to their own logs
        self._ranks: list[subprocess.Popen[bytes]] = []
        self._events = events.Log()
        self._kill_at: float | None = None
        self._failed_at: float | None = None

    def may_start(self) -> bool:
        """Whether the run is still to be started; if it was cancelled or held meanwhile, record that."""
        reason = guard.hold_reason(self.workspace, self.tag, self.limit)
        if reason is not None:
            guard.hold(self.attempt, reason, socket.gethostname())
            self.progress = replace(self.progress, state="held")
            self.ended = True
            return False
        if not self.attempt.cancel.exists():
            return True
        absence = Observed(at=time.time(), job_id=self.job_id, word=ABSENT, source="local")
        record_absence(self.attempt, absence, interval=0.0)
        self.progress = replace(self.progress, state="cancelled")
        self.ended = True
        return False

    def start(self, resources: Resources, variables: dict[str, str]) -> None:
        """Start all ranks. variables: the environment variables that limit them to their share of the machine."""
        command = [
            sys.executable,
            "-u",
            "-P",
            "-m",
            "attnctl.jobs.worker",
            "--workspace",
            str(self.root),
            "--tag",
            self.tag,
            *self.settings,
        ]
        common = (
            environment()
            | code_snapshot.variables(self.workspace, os.environ)
            | variables
            | {"ATTNCTL_JOB_ID": self.job_id, "WORLD_SIZE": str(resources.world)}
        )
        with self._log.open("ab") as stream:
            for rank in range(resources.world):
                self._ranks.append(
                    subprocess.Popen(
                        [*command, "--task", str(self.task)],
                        env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                        stdin=subprocess.DEVNULL,
                        stdout=stream,
                        stderr=stream,
                        start_new_session=True,
                        preexec_fn=partial(_end_with_parent, os.getpid()),
                    )
                )
        pids = ",".join(str(rank.pid) for rank in self._ranks)
        self._record("RUNNING", nodes=f"{socket.gethostname()}:{pids}")
        self.progress = replace(self.progress, state="starting")

    def drop(self) -> None:
        """Record that the user stopped the command before the run was started."""
        self._record("CANCELLED", reason="it was stopped before it was started")
        self.progress = replace(self.progress, state="cancelled")
        self.ended = True

    def poll(self, interrupts: int) -> bool:
        """Check the processes and stop them if needed; returns whether the progress has changed.

        interrupts: how often the user has pressed Ctrl-C.
        """
        before = self.progress
        codes = [rank.poll() for rank in self._ranks]
        self._read()
        now = time.monotonic()
        if any(codes) and self._failed_at is None:
            self._failed_at = now
        if interrupts > 1:
            self.kill()
        elif self._kill_at is None and (interrupts or self.attempt.cancel.exists()):
            self._signal(signal.SIGINT)
            self._kill_at = now + PATIENCE
        elif self._kill_at is None and self._failed_at is not None and now > self._failed_at + GRACE:
            self._signal(signal.SIGTERM)
            self._kill_at = now + PATIENCE / 10
        elif self._kill_at is not None and now > self._kill_at:
            self.kill()
        if None not in codes:
            self._end([code for code in codes if code is not None])
        return self.progress != before

    def kill(self) -> None:
        """Kill all ranks and wait until they have ended."""
        self._signal(signal.SIGKILL)
        for rank in self._ranks:
            rank.wait()

    def _signal(self, number: signal.Signals) -> None:
        for rank in self._ranks:
            if rank.poll() is None:
                rank.send_signal(number)

    def _end(self, codes: list[int]) -> None:
        self._read()
        self.ended = True
        failed = next((code for code in codes if code), 0)
        code, number = (0, -failed) if failed < 0 else (failed, 0)
        exits = self.attempt.incarnation(0).exits()
        reason = _last_line(self._log) if failed and not exits else ""
        if number == signal.SIGINT and not exits:
            self._record("CANCELLED", reason="stopped while it was starting")
            self.progress = replace(self.progress, state="cancelled")
            return
        self._record("FAILED" if failed else "COMPLETED", exit_code=f"{code}:{number}", reason=reason)
        primary = [item for item in exits if not item.secondary] or exits
        state = min(primary, key=lambda item: item.at).outcome if primary else "killed" if number else "error"
        self.progress = replace(self.progress, state=state)

    def _record(self, word: str, exit_code: str = "", reason: str = "", nodes: str = "") -> None:
        observed = Observed(at=time.time(), job_id=self.job_id, word=word, source="local")
        record(self.attempt, replace(observed, exit_code=exit_code, reason=reason, nodes=nodes))

    def _read(self) -> None:
        """Read the events that rank 0 has appended since the last call."""
        metrics = self.progress.metrics
        try:
            for evaluations in events.read(self.attempt.incarnation(0).events, self._events):
                metrics = evaluations[-1].values if evaluations else metrics
        except events.Replaced:
            self._events = events.Log()  # the next call reads the new file from its start
            return
        summary = self._events.summary
        self.progress = replace(
            self.progress,
            state=self.progress.state if summary.steps is None else "running",
            step=summary.step or 0,
            steps=summary.steps or 0,
            images_per_s=summary.images_per_s or 0.0,
            metrics=metrics,
        )


def _last_line(log: Path) -> str:
    lines = read_regular(log).decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else ""


def _end_with_parent(parent: int) -> None:
    """Run in the child before it becomes the worker: request SIGTERM when the supervisor dies (prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:  # the supervisor died before the call
        os._exit(1)
