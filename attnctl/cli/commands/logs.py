"""`attnctl logs`: print the log of a run, and follow it."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from attnctl.cli import context, output, run_selection
from attnctl.files import open_regular
from attnctl.lifecycle.evidence import newest_verdict
from attnctl.values import SpecError, comma_join
from attnctl.workspace.layout import Attempt, RunDir, Workspace
from attnctl.workspace.records import RecordError, Request, Submission

POLL = 0.5
"""Seconds between two reads of a followed log."""


def logs(
    run: run_selection.RunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until the run ends.")] = False,
    attempt: Annotated[int | None, typer.Option(help="Attempt number (default: the newest).", min=1)] = None,
    rank: Annotated[int, typer.Option(help="Rank of the process.", min=0)] = 0,
) -> None:
    """Print the log of a run.

    Examples:
        attnctl logs 3fa2 --follow
        attnctl logs 3fa2 --attempt 1 --rank 3
    """
    workspace = context.config().workspace
    folder = workspace.run(run_selection.run_id(workspace, run))
    chosen = _attempt(folder, attempt)
    position, path = 0, None
    while True:
        ended = not follow or not _active(workspace, folder.id)
        newest = newest_log(workspace, chosen, rank)
        if newest != path:  # the run now has its own log, or was restarted
            position, path = 0, newest
        if path is not None:
            position = _copy(path, position)
        if ended:
            break
        time.sleep(POLL)
    if path is None:
        raise SpecError(f"run {folder.id}, attempt {chosen.number}, has no log of rank {rank}{_logged_ranks(chosen)}")


def newest_log(workspace: Workspace, attempt: Attempt, rank: int) -> Path | None:
    """The log of a rank's newest start, else the output captured by SLURM or the local supervisor; None if neither."""
    for incarnation in reversed(attempt.incarnations()):
        if incarnation.log(rank).exists():
            return incarnation.log(rank)
    worker_log = attempt.worker_log
    if worker_log.exists() and worker_log.stat().st_size:
        return worker_log
    return _of_submission(workspace, attempt, rank)


def _of_submission(workspace: Workspace, attempt: Attempt, rank: int) -> Path | None:
    submission = None
    with contextlib.suppress(RecordError, OSError):
        request = Request.read(attempt.request)
        submission = Submission.read(workspace.submission(request.tag)) if request is not None else None
    if submission is None:
        return None
    task_entry = [attempt.path.parent.parent.name, attempt.number]
    task = submission.tasks.index(task_entry) if task_entry in submission.tasks else 0
    logs = sorted(workspace.submission_logs(submission.tag).glob(f"*_{task}_{rank}_log.out"))
    return logs[-1] if logs else None


def _attempt(folder: RunDir, number: int | None) -> Attempt:
    attempts = {attempt.number: attempt for attempt in folder.attempts()}
    if not attempts:
        raise SpecError(f"run {folder.id} was never submitted; it has no log")
    if number is not None and number not in attempts:
        raise SpecError(f"run {folder.id} has no attempt {number}; it has {comma_join(attempts)}")
    return attempts[number if number is not None else max(attempts)]


def _logged_ranks(attempt: Attempt) -> str:
    """A message that lists the ranks that have a log."""
    ranks = sorted({rank for item in attempt.incarnations() for rank in item.logged_ranks()})
    return f"; these have: {comma_join(ranks)}" if ranks else " yet"


def _active(workspace: Workspace, run_id: str) -> bool:
    verdict = newest_verdict(workspace, run_id)
    return verdict is not None and verdict.state.active


def _copy(path: Path, position: int) -> int:
    """Print the log from a byte offset on; return the offset of its end."""
    with open_regular(path) as stream:
        stream.seek(position)
        while block := stream.read(1 << 16):
            sys.stdout.write(_visible(block.decode(errors="replace")))
        sys.stdout.flush()
        return stream.tell()


def _visible(text: str) -> str:
    """A log that is safe for a terminal: unprintable characters, except line ends and tabs, are escaped."""
    return "".join(char if char in "\n\t\r" else output.one_line(char) for char in text)
