"""The worker process: one rank of one run, started as `python -P -m attnctl.jobs.worker --workspace W --tag T ...`.

It claims the attempt, redirects its output to the run's folder, trains, and writes an exit record. Exit code 0: the run
is completed, or stopped cleanly on request; 1: failed, see the exit record and the log; 74: the disk is full.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import faulthandler
import logging
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from attnctl.files import create_exclusive, read_regular, write_atomic
from attnctl.jobs import base_wait, notify, requeue
from attnctl.jobs.runtime import disk_full, launch
from attnctl.jobs.runtime.failure import Failure, Position, code_error, environment_missing
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.submission import code_snapshot, feed, guard, next_rounds
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.signals import Signals, StopRequested, outcome_of
from attnctl.jobs.training.watchdog import Stall, Watchdog
from attnctl.lifecycle.base_run import BaseRun
from attnctl.lifecycle.state import BASE_UNFINISHED, first_failure
from attnctl.settings import config
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Attempt, Incarnation, RunDir, Workspace
from attnctl.workspace.records import Exit, RecordError, Request, Resources, Submission

_STARTED = time.time()

log = logging.getLogger("attnctl.jobs.worker")

_STALL_DELAY = 10.0
"""Seconds that a stalled rank waits for the exit records of others if it is waiting for them itself."""

_COUNTED = {"error", "environment missing", "data missing", "data error"}
"""Outcomes that count for the guard if they come before the first step: other runs of the submission may share them."""

CLEAN = {BASE_UNFINISHED, "completed", "preempted", "timeout", "interrupted", "superseded"}
"""Outcomes with exit code 0."""


def main(arguments: list[str] | None = None) -> int:
    """Run one rank; returns the exit code."""
    signals = Signals.install()  # first, so that a signal during the slow import of torch does not kill the process
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, force=True)
    worker = Worker.from_environment(os.environ, options.task)
    root = options.workspace.resolve()
    submission = _submission(Workspace(root), options.tag)
    settings = config.submitted(root, options.tag, options.settings)
    if submission.failed:
        log.info("nothing to do: submission %s was closed: %s", submission.tag, submission.failed)
        return 0
    run, attempt = _assigned(settings.workspace, submission, worker.task)
    run = dataclasses.replace(run, also=_named_today(root, run))
    disk_full.waiting_marker.set(attempt.waiting_for_space)
    # All ranks claim the attempt in the name of the job, so either all of them succeed or all exit.
    if not disk_full.retry_while_disk_full(
        lambda: create_exclusive(attempt.owner, worker.job_id.encode()), lambda: signals.received
    ):
        log.info("nothing to do: attempt %d of run %s belongs to job %s", attempt.number, run.id, _owner(attempt))
        return 0
    incarnation = attempt.incarnation(worker.restart)
    if _completed_before(attempt, incarnation):
        log.info("nothing to do: attempt %d of run %s is completed", attempt.number, run.id)
        return 0
    disk_full.retry_while_disk_full(lambda: _redirect(incarnation.log(worker.rank)), lambda: signals.received)
    outcome = _train(run, attempt, incarnation, worker, settings, signals, submission)
    return 0 if outcome in CLEAN else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m attnctl.jobs.worker", description="Train one rank of one run.")
    parser.add_argument("--workspace", type=Path, required=True, help="workspace folder")
    parser.add_argument("--tag", required=True, help="tag of the submission")
    parser.add_argument("--settings", default="", help="digest of the submission's settings")
    parser.add_argument("--task", type=int, help="index of the run in the submission (default: the array task)")
    return parser


def _submission(workspace: Workspace, tag: str) -> Submission:
    submission = Submission.read(workspace.submission(tag))
    if submission is None:
        raise SpecError(f"workspace {workspace.root} has no submission {tag!r}")
    return submission


def _assigned(workspace: Workspace, submission: Submission, task: int) -> tuple[RunDir, Attempt]:
    if not 0 <= task < len(submission.tasks):
        count = len(submission.tasks)
        raise SpecError(f"submission {submission.tag} has no task {task}: it has {count}, numbered from 0")
    run_id, number = submission.tasks[task]
    run = workspace.run(run_id)
    return run, run.attempt(number)


def _named_today(root: Path, run: RunDir) -> tuple[Path, ...]:
    """The folder that today's settings name for the run's checkpoints: somebody may have moved them there."""
    try:
        return (config.find(root, root, {}, newer=True).workspace.run(run.id).checkpoints,)
    except config.ConfigError:
        return ()


def _owner(attempt: Attempt) -> str:
    return read_regular(attempt.owner).decode(errors="replace").strip()


def _completed_before(attempt: Attempt, incarnation: Incarnation) -> bool:
    """Whether an earlier start of this job completed the run: SLURM may requeue a job that is just finishing."""
    earlier = (item for item in attempt.incarnations() if item.token < incarnation.token)
    records = (Exit.read(item.exit(0)) for item in earlier)  # rank 0 completes only after all ranks have finished
    return any(record is not None and record.outcome == "completed" for record in records)


def _redirect(path: Path) -> None:
    """Redirect the file descriptors of standard output and error to a file, so that C libraries write there too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    for text in (sys.stdout, sys.stderr):
        if hasattr(text, "reconfigure"):
            text.reconfigure(line_buffering=True)
    faulthandler.enable()


def _train(
    run: RunDir,
    attempt: Attempt,
    incarnation: Incarnation,
    worker: Worker,
    settings: config.Config,
    signals: Signals,
    submission: Submission,
) -> str:
    """Train, and write this rank's exit record whatever happens; returns the outcome."""
    position = Position()
    base: BaseRun | None = None
    watchdog = Watchdog(lambda stall: _end_stalled(incarnation, worker, position, stall))

    def stopped(number: int) -> str:
        end = worker.end + watchdog.clock.stopped if worker.end is not None else None
        return outcome_of(number, on_slurm=worker.on_slurm, end=end, cancelled=attempt.cancel.exists())

    try:
        from attnctl.jobs.training.session import Assignment, perform

        watchdog.start()
        signals.check()
        code_snapshot.check(settings.workspace, os.environ)
        request = Request.read(attempt.request)
        if request is None:
            raise SpecError(f"{attempt.request} is missing: run attnctl resume {run.id[:8]}")
        if worker.rank == 0:  # the others wait for it at the rendezvous
            base_wait.check(settings.workspace, run.read_spec(), signals.check)
        worker = _with_time_limit(worker, request)
        context = TrainingContext(
            run=run,
            token=incarnation.token,
            position=position,
            signals=signals,
            stopped=stopped,
            beat=watchdog.beat,
            clock=watchdog.clock,
            end=worker.end,
        )
        assignment = Assignment(
            context=context,
            incarnation=incarnation,
            worker=worker,
            resources=untrusted_json.decode(Resources, request.resources),
            roots=settings.data,
            workspace=settings.workspace,
            launched=_launch_watch(_log_of_launch(settings.workspace, submission, attempt, worker), worker),
        )
        failure = Failure(outcome=perform(assignment), message="")
    except StopRequested as stop:
        failure = Failure(outcome=stopped(signals.received), message=f"received {stop} before the training began")
    except base_wait.BaseUnfinishedError as error:
        base = error.base
        failure = Failure(outcome=BASE_UNFINISHED, message=str(error))
    except BaseException as error:
        log.exception("rank %d failed", worker.rank)
        failure = _classify(error)
        if failure.secondary and watchdog.stopped and first_failure(incarnation.exits()) is None:
            failure = _suspended(failure, watchdog.stopped)
    watchdog.stop()
    shared = submission.runs_per_job > 0  # then the job's supervisor does what concerns the job
    refused = "only rank 0 restarts a run"
    if worker.rank == 0:
        refused = (
            base_wait.refusal(base, worker, shared=shared)
            if base is not None
            else requeue.refusal(failure.outcome, run, incarnation, worker, began=position.began, step=position.step)
        )
    restart = not refused
    _write_exit(incarnation, worker, position, failure, requeued=restart)
    if failure.outcome in _COUNTED and not failure.secondary and position.step == position.began:
        guard.record_error(settings.workspace, submission.tag, worker.task, failure.message)
    log.info("%s at step %d", requeue.ending(failure.outcome, refused, worker.rank), position.step)
    if worker.rank == 0 and settings.notify.wanted:
        notify.after_run(settings, run.id)
    requeued = restart and shared
    if restart and not shared:
        refusal = requeue.requeue(incarnation, worker, after=base.job if base is not None else "")
        requeued = not refusal
        if refusal:
            message = _continue(settings, run, attempt, refusal)
            log.info("%s", message)
            _write_exit(incarnation, worker, position, dataclasses.replace(failure, message=message))
    if worker.rank == 0 and worker.on_slurm and not requeued:
        if base is not None:
            _put_off(settings, run, attempt, worker, base)
        if not shared:
            _submit_waiting(settings, run, failure, signals, position.step == position.began)
    if failure.outcome not in CLEAN or failure.secondary:
        _exit_at_once(0 if failure.outcome in CLEAN else 1)
    return failure.outcome


def _log_of_launch(workspace: Workspace, submission: Submission, attempt: Attempt, worker: Worker) -> Path:
    """The log into which srun writes: that of the job, or of a run that shares its job with others."""
    if submission.runs_per_job:
        return attempt.worker_log
    return workspace.submission_logs(submission.tag) / f"{worker.job_id}_0_log.out"


def _launch_watch(log_file: Path, worker: Worker) -> Callable[[], None]:
    """Raises LaunchError once srun has written into its log that it could not launch a rank."""
    if worker.rank or not worker.on_slurm:
        return lambda: None
    if worker.restart and not os.environ.get(launch.LOG_START):  # the log may contain an earlier start's message
        return lambda: None
    return launch.watch(log_file, os.environ, time.monotonic)


def _classify(error: BaseException) -> Failure:
    try:
        from attnctl.jobs.training.failure import classify
    except Exception:  # torch is missing or broken, which is then the error
        return environment_missing(error) or code_error(error)
    return classify(error)


def _suspended(failure: Failure, seconds: float) -> Failure:
    """The end of a rank that could not reach the others after the job was suspended: the stop is the cause."""
    message = f"the job was suspended for {seconds:.0f} s, after which the processes could not reach each other"
    return dataclasses.replace(failure, outcome="preempted", message=f"{message}: {failure.message}")


def _continue(settings: config.Config, run: RunDir, attempt: Attempt, refusal: str) -> str:
    """Submit the run's next attempt because SLURM does not requeue this job; returns a message about the result."""
    from attnctl.jobs.continuation import NoContinuation, submit_continuation

    try:
        return f"continues as {submit_continuation(settings, run, attempt)}; SLURM does not requeue this job: {refusal}"
    except NoContinuation as error:
        return f"SLURM does not requeue this job ({refusal}), and no continuation was submitted: {error}"


def _put_off(settings: config.Config, run: RunDir, attempt: Attempt, worker: Worker, base: BaseRun) -> None:
    """Let the run be submitted again when its base is completed, unless somebody has cancelled it."""
    if attempt.cancel.exists() or requeue.cancelled(worker.job_id):
        return
    try:
        base_wait.put_off(settings, run, attempt, base)
    except (OSError, RecordError, SpecError) as error:
        log.warning("the run is not submitted again by itself: %s", error)


def _submit_waiting(settings: config.Config, run: RunDir, failure: Failure, signals: Signals, at_start: bool) -> None:
    """Submit runs that wait for a place or for this run. A surplus job does not.

    at_start: the run ended before its first step; the next one could fail the same way.
    """
    if failure.outcome == "superseded":
        return
    at_once = failure.message if at_start and failure.outcome in _COUNTED else ""
    if feed.may_feed(settings.workspace, at_once, settings.resume.same_error):
        vouched_for = settings.digest if settings.vouched_for else ""
        next_rounds.submit_after_runs(settings.workspace, [run.id], lambda: signals.received, vouched_for=vouched_for)


def _end_stalled(incarnation: Incarnation, worker: Worker, position: Position, stall: Stall) -> None:
    """Record that the training stalled and end the process; SLURM or the local runner then ends the other ranks."""
    failure = Failure(
        outcome="stalled",
        message=f"the training made no progress for {stall.seconds:.0f} s at {stall.where}",
        traceback=stall.stack,
        secondary=stall.waiting and worker.world > 1,
    )
    if failure.secondary:
        time.sleep(_STALL_DELAY)  # the rank that the others wait for should report first
    log.error("%s\n%s", failure.message, failure.traceback)
    _write_exit(incarnation, worker, position, failure)
    _exit_at_once(1)


def _with_time_limit(worker: Worker, request: Request) -> Worker:
    """Estimate the end of the job from the requested time if SLURM does not set SLURM_JOB_END_TIME."""
    minutes = request.resources.get("minutes")
    if not worker.on_slurm or worker.end is not None or not isinstance(minutes, int):
        return worker
    return dataclasses.replace(worker, end=_STARTED + 60 * minutes)


def _write_exit(
    incarnation: Incarnation, worker: Worker, position: Position, failure: Failure, *, requeued: bool = False
) -> None:
    record = Exit(
        rank=worker.rank,
        at=time.time(),
        outcome=failure.outcome,
        message=failure.message,
        traceback=failure.traceback,
        step=position.step,
        host=socket.gethostname() if not worker.on_slurm else worker.node,
        secondary=failure.secondary,
        requeued=requeued,
        started=_STARTED,
        max_rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,  # in kilobytes on Linux (getrusage(2))
        max_gpu=_max_gpu_memory(),
        used=position.usage.values.copy(),
        unread=position.usage.unread.copy(),
    )
    disk_full.retry_while_disk_full(lambda: write_atomic(incarnation.exit(worker.rank), record.encode(), durable=True))


def _max_gpu_memory() -> int:
    torch = sys.modules.get("torch")
    return torch.cuda.max_memory_reserved() if torch is not None and torch.cuda.is_initialized() else 0


def _exit_at_once(code: int) -> None:
    """Exit without cleanup: leaving a process group whose other ranks are gone can block forever."""
    with contextlib.suppress(OSError):  # the disk may be full
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SpecError as error:
        log.error("%s", error)
        sys.exit(1)
    except OSError as error:
        if not disk_full.is_full(error):
            raise
        log.error("%s", error)
        _exit_at_once(disk_full.EXIT_CODE)
