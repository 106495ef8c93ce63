"""One run on this machine: its processes, one for each rank, and what they write."""

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

from attnctl.jobs.slurm.commands import environment
from attnctl.jobs.slurm.observe import record, record_absence
from attnctl.jobs.submission import code_snapshot, guard
from attnctl.settings.config import Config
from attnctl.workspace import events
from attnctl.workspace.records import Observed, Resources

GRACE = 3.0
"""Seconds that the other ranks have, when one has died, to find out by themselves."""
PATIENCE = 60.0
"""Seconds that ranks which were told to stop have to save; a dying run's have a tenth of it."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run is doing. state: queued, starting, running, or how it ended; images_per_s over all its processes."""

    run: str
    state: str
    step: int = 0
    steps: int = 0
    images_per_s: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)


class Job:
    """The processes of one attempt. They are in sessions of their own: the terminal's Ctrl-C reaches only us.

    Should we be killed, the kernel sends them TERM, so that none trains on unwatched.
    """

    def __init__(self, config: Config, tag: str, task: int, run: str, attempt: int, job_id: str) -> None:
        self.workspace, self.limit = config.workspace, config.resume.same_error
        self.root = config.workspace.root.absolute()
        self.tag, self.task, self.job_id = tag, task, job_id
        self.attempt = config.workspace.run(run).attempt(attempt)
        self.progress = Progress(run=run, state="queued")
        self.ended = False
        self._log = self.attempt.worker_log  # of a rank that has not found its own yet
        self._ranks: list[subprocess.Popen[bytes]] = []
        self._events = events.Log()
        self._asked = 0
        self._told: float | None = None
        self._failed: float | None = None

    def wanted(self) -> bool:
        """Whether it is still to be started; if it was cancelled or held while it waited, that is written down."""
        words = guard.held(self.workspace, self.tag, self.limit)
        if words is not None:
            guard.hold(self.attempt, words, socket.gethostname())
            self.progress = replace(self.progress, state="held")
            self.ended = True
            return False
        if not self.attempt.cancel.exists():
            return True
        record_absence(self.attempt, self.job_id, "local", apart=0.0)
        self.progress = replace(self.progress, state="cancelled")
        self.ended = True
        return False

    def start(self, resources: Resources, variables: dict[str, str]) -> None:
        """Start all ranks; `variables` hold them to their share of the machine."""
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

    def watch(self, asked: int) -> bool:
        """Look once; `asked`: how often the user has asked for the end. True when there is something new to show."""
        before = self.progress
        codes = [rank.poll() for rank in self._ranks]
        self._read()
        now = time.monotonic()
        if any(codes) and self._failed is None:
            self._failed = now
        if asked > 1:
            self.kill()
        elif self._told is None and (asked or self.attempt.cancel.exists()):
            self._signal(signal.SIGINT)
            self._told = now + PATIENCE
        elif self._told is None and self._failed is not None and now > self._failed + GRACE:
            self._signal(signal.SIGTERM)
            self._told = now + PATIENCE / 10
        elif self._told is not None and now > self._told:
            self.kill()
        if None not in codes:
            self._end([code for code in codes if code is not None])
        return self.progress != before

    def kill(self) -> None:
        """End all ranks at once, and wait for them."""
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
        worst = next((code for code in codes if code), 0)
        code, number = (0, -worst) if worst < 0 else (worst, 0)
        exits = self.attempt.incarnation(0).exits()
        reason = _last_line(self._log) if worst and not exits else ""
        self._record("FAILED" if worst else "COMPLETED", exit_code=f"{code}:{number}", reason=reason)
        own = [item for item in exits if not item.secondary] or exits
        state = min(own, key=lambda item: item.at).outcome if own else "killed" if number else "error"
        self.progress = replace(self.progress, state=state)

    def _record(self, word: str, **values: str) -> None:
        record(self.attempt, Observed(at=time.time(), job_id=self.job_id, word=word, source="local", **values))

    def _read(self) -> None:
        """Take in what rank 0 has appended to its events since the last look."""
        metrics = self.progress.metrics
        try:
            for evaluations in events.read(self.attempt.incarnation(0).events, self._events):
                metrics = evaluations[-1].values if evaluations else metrics
        except events.Replaced:
            self._events = events.Log()  # it is read from its begin at the next look
            return
        told = self._events.summary
        self.progress = replace(
            self.progress,
            state=self.progress.state if told.steps is None else "running",
            step=told.step or 0,
            steps=told.steps or 0,
            images_per_s=told.images_per_s or 0.0,
            metrics=metrics,
        )


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else ""


def _end_with_parent(parent: int) -> None:
    """In the child, before it becomes the worker: TERM when the supervisor dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:  # it died before we could say so
        os._exit(1)
