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
from attnctl.units import clock
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
    steps: Annotated[
        bool, typer.Option("--steps", help="Print the values of the recorded steps and epochs instead.")
    ] = False,
) -> None:
    """Print the log of a run.

    The log has a line for each evaluated epoch. With --steps, the training loss and speed between the evaluations are
    printed too, about every few seconds of training, of all attempts: a step that was trained twice once.

    Examples:
        attnctl logs 3fa2 --follow
        attnctl logs 3fa2 --attempt 1 --rank 3
        attnctl logs 3fa2 --steps
    """
    workspace = context.config().workspace
    folder = workspace.run(run_selection.run_id(workspace, run))
    if steps:
        if follow or rank:
            raise SpecError("--steps cannot be combined with --follow or --rank")
        _print_steps(workspace, folder, attempt)
        return
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


def _print_steps(workspace: Workspace, folder: RunDir, attempt: int | None) -> None:
    from attnctl.lifecycle import step_history
    from attnctl.lifecycle.run_history import Histories

    history = step_history.with_steps(Histories(workspace).read(folder.id), folder)
    shown = [item for item in history.steps if attempt is None or any(k == attempt for k, _ in item.tokens.values())]
    if not shown:
        of_attempt = f", attempt {attempt}," if attempt is not None else ""
        raise SpecError(f"run {folder.id}{of_attempt} has no recorded steps yet")
    total = history.logged("steps")
    for item in shown:
        at = clock(item.at) if item.at is not None else "-"
        values = comma_join(f"{name} {value:.4g}" for name, value in item.values.items())
        output.line(f"{at} epoch {item.epoch}, step {item.step} of {total}: {values}")


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
