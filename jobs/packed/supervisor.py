"""The supervisor: fills the places of its job with runs until none is left, then lets the job end or start again.

SLURM itself signals the processes of all runs before the time limit and when it preempts the job. Each run then saves
and writes its exit record; when all have, the supervisor asks SLURM to requeue the job for those that go on.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from attnctl.files import reason as reason_of
from attnctl.files import write_atomic
from attnctl.jobs import requeue
from attnctl.jobs.continuation import NoContinuation, submit_continuation
from attnctl.jobs.local import gpu_slots
from attnctl.jobs.packed import gpu_fault
from attnctl.jobs.packed.claims import Claims
from attnctl.jobs.packed.places import Places
from attnctl.jobs.packed.step import Command, Step, command_of_worker, hold
from attnctl.jobs.packed.watch import Watch
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.slurm import steps
from attnctl.jobs.submission import feed, guard, next_rounds
from attnctl.settings import config
from attnctl.values import SpecError
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Submission

log = logging.getLogger("attnctl.jobs.packed")

_INTERVAL = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit code."""
    stop = _Stop()
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, force=True)
    try:
        root = options.workspace.resolve()
        submission = Submission.read(Workspace(root).submission(options.tag))
        if submission is None:
            raise SpecError(f"workspace {root} has no submission {options.tag!r}")
        if submission.failed:
            log.info("nothing to do: submission %s was closed: %s", submission.tag, submission.failed)
            return 0
        settings = config.submitted(root, options.tag, options.settings)
        job = Worker.from_environment(os.environ, 0)
        count = max(1, submission.runs_per_job)
        places = Places(count, options.gpus, gpu_slots.gpus() if options.gpus else ())
        watch = None
        if options.auto:
            own = submissions.tasks_of(settings.workspace, submission, int(job.job_id.rpartition("_")[2]))
            watch = Watch(settings.workspace, count, job.restart, own)
        supervisor = Supervisor(
            settings, submission, job, stop, places, srun=options.srun, digest=options.settings, watch=watch
        )
        supervisor.train()
        supervisor.finish()
    except (RecordError, SpecError) as error:
        log.error("%s", error)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -P -m attnctl.jobs.packed.supervisor", description="Train several runs in one SLURM job."
    )
    parser.add_argument("--workspace", type=Path, required=True, help="workspace folder")
    parser.add_argument("--tag", required=True, help="tag of the submission")
    parser.add_argument("--settings", default="", help="digest of the submission's settings")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs of each run, where SLURM does not manage them")
    parser.add_argument("--auto", action="store_true", help="measure how many runs are worth it")
    parser.add_argument("srun", nargs="+", help="srun with the options of each step")
    return parser


class _Stop:
    """Whether SLURM has told the job to stop. SLURM also tells each run and its srun, so the job only has to wait."""

    def __init__(self) -> None:
        self.received = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.received = True


class Supervisor:
    """The runs of one job.

    srun: with the options of each step. digest: of the settings, as the workers get it. watch: decides how many of the
    places are used; None for all.
    """

    def __init__(
        self,
        settings: config.Config,
        submission: Submission,
        job: Worker,
        stop: _Stop,
        places: Places,
        *,
        srun: Sequence[str],
        digest: str,
        watch: Watch | None = None,
    ) -> None:
        self._settings, self._submission, self._job, self._stop = settings, submission, job, stop
        self._workspace = settings.workspace
        self._claims = Claims(self._workspace, submission, job.job_id)
        self._places, self._watch = places, watch
        self._deadline = _Deadline(job)
        environ = steps.environment(os.environ) | self._deadline.variables()
        self._command = Command(
            srun=[*srun, *steps.memory(os.environ, job.job_id, max(1, submission.runs_per_job))],
            worker=command_of_worker(self._workspace.root.absolute(), submission.tag, digest),
            environ=environ,
            job_id=job.job_id,
            node=job.node,
            restart=job.restart,
            runs_now=lambda: steps.runs_now(job.job_id, job.restart),
        )
        self._running: list[Step] = []
        self._ended: list[Step] = []
        self._continued: set[str] = set()
        self._closing = False

    def train(self) -> None:
        """Train runs until none is left, or until the job is to stop."""
        for task in self._claims.again() if self._job.restart else ():
            self._start(task)
        if self._watch is not None:
            self._watch.continues(len(self._running))
        while True:
            while self._may_start() and self._take():
                pass
            if not self._running:
                break
            time.sleep(_INTERVAL)
            if self._watch is not None and not self._stop.received:
                self._watch.look(self._running)
            for step in [item for item in self._running if item.ended(stopping=self._stop.received)]:
                self._running.remove(step)
                self._places.leave(step.place)
                self._ended.append(step)
                self._closing = self._closing or step.interrupted
                log.info("run %s has ended", step.run)
                if self._watch is not None:
                    self._watch.ended(step, len(self._running) + 1)
                self._continue_after_gpu_fault()
        if self._watch is not None:
            self._watch.finish()

    def _continue_after_gpu_fault(self) -> None:
        """Submit the next attempt of each run that may have ended by a neighbour's fault, if several ended so."""
        for run in gpu_fault.shared({step.run: step.exits() for step in self._ended}):
            if run not in self._continued:
                self._continued.add(run)
                self._continue(next(step for step in self._ended if step.run == run), gpu_fault.REASON)

    def _may_start(self) -> bool:
        """Whether a place is free, and one more run is worth it as far as is known."""
        return self._places.free and (self._watch is None or self._watch.allows(len(self._running)))

    def _take(self) -> bool:
        """Take the next run and start it; whether there was one."""
        others = self._deadline.allows_more()
        if self._closing or self._stop.received or not self._claims.may_take(others=others):
            return False
        if self._command.runs_now() is False:
            log.info("SLURM does not run this start of the job any more")
            self._closing = True
            return False
        try:
            task = self._claims.take(others=others)
            if task is not None:
                self._start(task)
        except OSError as error:  # those that train go on
            log.warning("no further run starts in this job: %s", reason_of(error))
            self._closing = True
            return False
        return task is not None

    def _start(self, task: int) -> None:
        attempt = self._claims.attempt(task)
        reason = guard.hold_reason(self._workspace, self._submission.tag, self._settings.resume.same_error)
        if reason is not None and not self._job.restart:
            hold(self._command, attempt, reason)
            return
        place = self._places.take()
        environ = {**self._command.environ, **self._places.variables(place)}
        command = dataclasses.replace(self._command, environ=environ)
        try:
            self._running.append(Step(command, attempt, task, place))
        except OSError:
            self._places.leave(place)
            raise
        log.info("run %s has started", self._running[-1].run)

    def finish(self) -> None:
        """Let SLURM start the job again if a run goes on, else submit what waits for a place."""
        if any(step.outdated for step in self._ended):
            return  # another start of this job goes on
        again = [step for step in self._ended if step.requeued]
        if again:
            refusal = requeue.requeue_job(self._job.job_id)
            if not refusal:
                return  # SLURM kills this process
            for step in again:
                self._continue(step, f"SLURM does not requeue this job: {refusal}")
        if not self._ended or self._stop.received:
            return
        if feed.may_feed(self._workspace, self._error_at_start(), self._settings.resume.same_error):
            vouched_for = self._settings.digest if self._settings.vouched_for else ""
            runs = [step.run for step in self._ended]
            next_rounds.submit_after_runs(self._workspace, runs, lambda: self._stop.received, vouched_for=vouched_for)

    def _continue(self, step: Step, reason: str) -> None:
        """Submit the next attempt of a run that does not go on in this job, and record the result. reason: why."""
        try:
            name = submit_continuation(self._settings, self._workspace.run(step.run), step.attempt)
            message = f"continues as {name}; {reason}"
        except NoContinuation as error:
            message = f"{reason}; no continuation was submitted: {error}"
        log.info("run %s: %s", step.run, message)
        for item in step.exits():
            fault = gpu_fault.is_fault(item)
            if item.requeued or fault:
                path = step.attempt.incarnation(self._job.restart).exit(item.rank)
                words = f"{item.message}; {message}" if fault else message
                write_atomic(path, dataclasses.replace(item, requeued=False, message=words).encode(), durable=True)

    def _error_at_start(self) -> str:
        """The error with which a run ended before its first step, if all of this job did; else empty."""
        errors = [guard.error_at_start(self._workspace, self._submission.tag, step.task) for step in self._ended]
        return errors[-1] if all(errors) else ""


class _Deadline:
    """The end of the job, and whether a run can still be trained before it."""

    def __init__(self, job: Worker) -> None:
        left = job.end - time.time() if job.end is not None else steps.seconds_left(job.job_id)
        self._half = left / 2 if left is not None else 0.0
        self._end = time.time() + left if left is not None else None

    def allows_more(self) -> bool:
        """Whether more than half of the time limit, which is meant for one run, is left."""
        return self._end is None or self._end - time.time() > self._half

    def variables(self) -> dict[str, str]:
        """What tells a run that starts later than its job when the job ends; newer releases of SLURM say it too."""
        return {"SLURM_JOB_END_TIME": str(int(self._end))} if self._end is not None else {}


if __name__ == "__main__":
    sys.exit(main())
