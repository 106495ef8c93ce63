"""The worker process: one rank of one run, started as `python -P -m attnctl.jobs.worker --workspace W --tag T ...`.

It claims the attempt, sends its output to the run's folder, trains, and leaves an exit record. Exit code 0: completed,
or ended cleanly when asked to; 1: failed, see the exit record and the log; 74: there was no space to write them.
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
from pathlib import Path

from attnctl.files import create_exclusive, write_atomic
from attnctl.jobs import notify, requeue
from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.failure import Failure, Position, code_error
from attnctl.jobs.runtime.rank import Place
from attnctl.jobs.submission import code_snapshot, guard
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.signals import Signals, StopRequested, outcome_of
from attnctl.jobs.training.watchdog import Stall, Watchdog
from attnctl.settings import config
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Attempt, Incarnation, RunDir, Workspace
from attnctl.workspace.records import Exit, Request, Resources, Submission

_STARTED = time.time()

log = logging.getLogger("attnctl.jobs.worker")

_LAST_WORD = 10.0
"""Seconds by which a stalled rank that waits for others lets these speak first."""

CLEAN = {"completed", "preempted", "timeout", "interrupted", "superseded"}
"""Outcomes of a process that did what it was asked to."""


def main(arguments: list[str] | None = None) -> int:
    """Run one rank; gives the exit code."""
    signals = Signals.install()  # before all else: a signal while torch is being imported must not kill it wordless
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, force=True)
    place = Place.find(os.environ, options.task)
    found = config.find(options.workspace, Path.cwd(), os.environ)
    submission = _submission(found.workspace, options.tag)
    if submission.failed:
        log.info("surplus: submission %s was closed: %s", submission.tag, submission.failed)
        return 0
    run, attempt = _assigned(found.workspace, submission, place.task)
    # All ranks claim: the claim is the job's, so it is the same for each of them, and a surplus job leaves as a whole.
    if not disk_full.retry_while_disk_full(
        lambda: create_exclusive(attempt.owner, place.job_id.encode()), lambda: signals.received
    ):
        log.info("surplus: attempt %d of run %s belongs to job %s", attempt.number, run.id, _owner(attempt))
        return 0
    incarnation = attempt.incarnation(place.restart)
    if _completed_before(attempt, incarnation):
        log.info("surplus: attempt %d of run %s is completed", attempt.number, run.id)
        return 0
    disk_full.retry_while_disk_full(lambda: _redirect(incarnation.log(place.rank)), lambda: signals.received)
    outcome = _train(run, attempt, incarnation, place, found, signals, submission)
    return 0 if outcome in CLEAN else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m attnctl.jobs.worker", description="One rank of one run.")
    parser.add_argument("--workspace", type=Path, required=True, help="the workspace's folder")
    parser.add_argument("--tag", required=True, help="the submission")
    parser.add_argument("--task", type=int, help="index of the run in it; by default the array task's")
    return parser


def _submission(workspace: Workspace, tag: str) -> Submission:
    submission = Submission.read(workspace.submission(tag))
    if submission is None:
        raise SpecError(f"there is no submission {tag!r} in {workspace.root}")
    return submission


def _assigned(workspace: Workspace, submission: Submission, task: int) -> tuple[RunDir, Attempt]:
    if not 0 <= task < len(submission.tasks):
        raise SpecError(f"submission {submission.tag} has no task {task}; it has {len(submission.tasks)}")
    run_id, number = submission.tasks[task]
    run = workspace.run(run_id)
    return run, run.attempt(number)


def _owner(attempt: Attempt) -> str:
    return attempt.owner.read_text(encoding="utf-8", errors="replace").strip()


def _completed_before(attempt: Attempt, incarnation: Incarnation) -> bool:
    """Whether an earlier start of this job has completed the run: at its very end SLURM may start a job again."""
    earlier = (item for item in attempt.incarnations() if item.token < incarnation.token)
    records = (Exit.read(item.exit(0)) for item in earlier)  # rank 0 writes its own after all have got there
    return any(record is not None and record.outcome == "completed" for record in records)


def _redirect(path: Path) -> None:
    """Send standard output and error to a file, at the level of descriptors: what C libraries print goes there too."""
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
    place: Place,
    found: config.Config,
    signals: Signals,
    submission: Submission,
) -> str:
    """Train, and leave the exit record of this rank whatever happens; gives the outcome."""
    position = Position()
    watchdog = Watchdog(lambda stall: _end_stalled(incarnation, place, position, stall))

    def stopped(number: int) -> str:
        return outcome_of(number, on_slurm=place.on_slurm, end=place.end, cancelled=attempt.cancel.exists())

    try:
        from attnctl.jobs.training.session import Assignment, perform

        watchdog.start()
        signals.check()
        code_snapshot.check(found.workspace, os.environ)
        request = Request.read(attempt.request)
        if request is None:
            raise SpecError(f"{attempt.request} is missing: attempt {attempt.number} was never reserved")
        place = _with_an_end(place, request)
        context = TrainingContext(
            run=run,
            token=incarnation.token,
            position=position,
            signals=signals,
            stopped=stopped,
            beat=watchdog.beat,
            end=place.end,
        )
        assignment = Assignment(
            context=context,
            incarnation=incarnation,
            place=place,
            resources=untrusted_json.decode(Resources, request.resources),
            roots=found.data,
            workspace=found.workspace,
        )
        failure = Failure(outcome=perform(assignment), message="")
    except StopRequested as stop:
        failure = Failure(outcome=stopped(signals.received), message=f"{stop} came before the training began")
    except BaseException as error:
        log.exception("rank %d failed", place.rank)
        failure = _classified(error)
    watchdog.stop()
    again = place.rank == 0 and not requeue.refusal(
        failure.outcome, run, incarnation, place, began=position.began, step=position.step
    )
    _write_exit(incarnation, place, position, failure, requeued=again)
    if failure.outcome == "error" and not failure.secondary and position.step == position.began:
        guard.count(found.workspace, submission.tag, place.task, failure.message)
    log.info("%s at step %d", failure.outcome, position.step)
    if place.rank == 0 and found.notify.wanted:
        notify.after_run(found, run.id)
    if again:
        words = requeue.requeue(incarnation, place)
        if words:
            message = _continued(found, run, attempt, words)
            log.info("%s", message)
            _write_exit(incarnation, place, position, dataclasses.replace(failure, message=message))
    if failure.outcome not in CLEAN:
        _leave_at_once(1)
    return failure.outcome


def _classified(error: BaseException) -> Failure:
    try:
        from attnctl.jobs.training.failure import classify
    except Exception:  # no torch, or a broken one: which is the error
        return code_error(error)
    return classify(error)


def _continued(found: config.Config, run: RunDir, attempt: Attempt, refused: str) -> str:
    """Submit the run's next attempt, since SLURM has refused to start this one again; what came of it, in words."""
    from attnctl.jobs.continuation import NoContinuation, submit_continuation

    try:
        return f"goes on as {submit_continuation(found, run, attempt)}: SLURM does not start this job again ({refused})"
    except NoContinuation as error:
        return f"SLURM does not start this job again ({refused}), and nothing goes on in its place: {error}"


def _end_stalled(incarnation: Incarnation, place: Place, position: Position, stall: Stall) -> None:
    """Leave word of a loop that stands still, and end the process; SLURM, or the runner here, then ends the others."""
    failure = Failure(
        outcome="stalled",
        message=f"the training stood still for {stall.seconds:.0f} s at {stall.where}",
        traceback=stall.stack,
        secondary=stall.waiting and place.world > 1,
    )
    if failure.secondary:
        time.sleep(_LAST_WORD)  # a rank that waits for none is to be heard first
    log.error("%s\n%s", failure.message, failure.traceback)
    _write_exit(incarnation, place, position, failure)
    _leave_at_once(1)


def _with_an_end(place: Place, request: Request) -> Place:
    """Not every release of SLURM tells a job when it will be ended: then that is what was asked for, from now on."""
    minutes = request.resources.get("minutes")
    if not place.on_slurm or place.end is not None or not isinstance(minutes, int):
        return place
    return dataclasses.replace(place, end=_STARTED + 60 * minutes)


def _write_exit(
    incarnation: Incarnation, place: Place, position: Position, failure: Failure, *, requeued: bool = False
) -> None:
    record = Exit(
        rank=place.rank,
        at=time.time(),
        outcome=failure.outcome,
        message=failure.message,
        traceback=failure.traceback,
        step=position.step,
        host=socket.gethostname() if not place.on_slurm else place.node,
        secondary=failure.secondary,
        requeued=requeued,
        started=_STARTED,
        max_rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,  # getrusage(2): Linux counts in kilobytes
        max_gpu=_most_gpu_memory(),
    )
    disk_full.retry_while_disk_full(lambda: write_atomic(incarnation.exit(place.rank), record.encode(), durable=True))


def _most_gpu_memory() -> int:
    torch = sys.modules.get("torch")
    return torch.cuda.max_memory_reserved() if torch is not None and torch.cuda.is_initialized() else 0


def _leave_at_once(code: int) -> None:
    """End without tidying up: leaving a group whose other ranks are gone can wait for them for ever."""
    with contextlib.suppress(OSError):  # a full disk
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
        _leave_at_once(disk_full.EXIT_CODE)
