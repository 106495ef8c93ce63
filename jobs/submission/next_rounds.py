"""Chooses and submits the next trainings of a search on SLURM when the present ones have ended, without its user.

What follows is what the command would do that was typed: it is run again, in a process of its own, by the job that ends
(`attnctl.cli.next_round`), with the settings of its submission. That process may need what a job does not, such as
optuna; whatever becomes of it, the job has ended as it has.

Of one user, one process at a time chooses. A job that ends meanwhile leaves a mark, and that process looks once more.
Whoever chooses, and however often, the same results give the same trainings, and each is reserved before it is
submitted: killed at any point, the next job that ends, or the command typed again, does the rest.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from attnctl.files import reason
from attnctl.jobs.slurm import sbatch
from attnctl.jobs.slurm.job import login_name
from attnctl.jobs.submission import code_snapshot
from attnctl.jobs.submission.feed import feed_after_runs
from attnctl.jobs.submission.reserve import new_tag
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import State, Verdict
from attnctl.search import due
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace import submissions, waiting, waiting_searches
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import RecordError, Search, Sweep
from attnctl.workspace.waiting_searches import WaitingSearch

log = logging.getLogger(__name__)

_MODULE = "attnctl.cli.next_round"
_ENDED = {State.COMPLETED, State.DIVERGED}
"""Training again gives nothing else."""

_TURN = 10.0
"""Seconds that a job waits while another process chooses; from its last look at the mark to its end it takes less."""

_LIMIT = 600.0
"""Seconds that choosing and submitting may take."""

_INTERVAL = 1.0

_GRACE = 120.0
"""Seconds after the end of the last run in which its job may still be choosing."""


@dataclass(frozen=True)
class Progress:
    """How far a search is. due: it has trainings to choose or to submit. finished: nothing is left to choose.

    active: runs are queued or train, so that a job of it will end. since: when the last run changed, in Unix seconds.
    """

    due: bool
    finished: bool
    active: bool
    since: float


# --------------------------------------------------------------------------------------------------- by the command


@contextlib.contextmanager
def remembered(config: Config, sweep: str, search: Search | None, command: Sequence[str]) -> Iterator[None]:
    """Let the search go on by itself, if later trainings depend on the results of earlier ones. Raises OSError.

    Its runs are submitted inside, so that none of their jobs can end before. If that is refused before anything is
    reserved, all is as it was before.
    """
    if search is None or not search.has_rounds:
        yield
        return
    record = _record(config, sweep, command)
    before = waiting_searches.read(config.workspace, record.key)
    config.workspace.waiting_folder.mkdir(parents=True, exist_ok=True)
    waiting_searches.write(config.workspace, record, config.source)
    try:
        yield
    except SpecError as error:
        if not getattr(error, "written", False):
            waiting_searches.remove(config.workspace, record)
            if before is not None:
                waiting_searches.write(config.workspace, before)
            with contextlib.suppress(OSError):  # something else waits
                config.workspace.waiting_folder.rmdir()
        raise


def _record(config: Config, sweep: str, command: Sequence[str]) -> WaitingSearch:
    return WaitingSearch(
        sweep=sweep,
        command=list(command),
        folder=str(Path.cwd()),
        variables=sbatch.open_variables(os.environ),
        tag=new_tag(),
        settings=config.digest,
        code=code_snapshot.digest() or "",
        created=time.time(),
        host=socket.gethostname(),
        user=login_name(),
    )


def stalled(workspace: Workspace) -> Iterator[tuple[WaitingSearch, str]]:
    """The searches that nothing continues, each with the reason. Only reads."""
    for record in waiting_searches.everybodys(workspace):
        progress = _progress(workspace, record)
        if progress is None or not progress.due:
            continue
        if record.reason:
            yield record, record.reason
        elif not progress.active and time.time() > progress.since + _GRACE:
            yield record, "the job that was to choose them has ended without doing so"


def goes_on(workspace: Workspace, sweep: str) -> bool:
    """Whether a sweep is a search for which a job is to choose further trainings."""
    found = [record for record in waiting_searches.everybodys(workspace) if record.sweep == sweep and not record.reason]
    progress = _progress(workspace, found[0]) if found else None
    return progress is not None and progress.due


# ------------------------------------------------------------------------------------------------ at the end of a job


def submit_after_runs(
    workspace: Workspace, runs: Sequence[str], stopped: Callable[[], object], *, vouched_for: str = ""
) -> None:
    """Called by a job when the exit records of its runs are written: submit what follows from them, and what waits.

    Errors are logged: the runs have ended as they have.

    stopped: whether the job is to end at once. vouched_for: the digest of the settings that it was submitted with.
    """
    try:
        if waiting_searches.own(workspace):
            _in_turn(workspace, stopped, vouched_for)
    except Exception as error:  # whatever it is
        log.warning("the next trainings of the search were not chosen: %s", reason(error))
    feed_after_runs(workspace, runs, stopped, vouched_for=vouched_for)


def _in_turn(workspace: Workspace, stopped: Callable[[], object], vouched_for: str) -> None:
    waiting.leave_mark(workspace, "searching")
    with waiting.locked(workspace, _TURN, "searching") as alone:
        if not alone:
            log.info("another process chooses the next trainings of the search")
        while alone and waiting.take_mark(workspace, "searching"):
            for record in waiting_searches.own(workspace):
                if stopped():
                    return
                _go_on(workspace, record, stopped, vouched_for)


def _go_on(workspace: Workspace, record: WaitingSearch, stopped: Callable[[], object], vouched_for: str) -> None:
    """Choose and submit what follows in one search, if it is due."""
    progress = _progress(workspace, record)
    if progress is None or progress.finished:
        waiting_searches.remove(workspace, record)
    elif progress.due:
        if record.code != (code_snapshot.digest() or ""):
            failed = "it was started with another version of attnctl's code than the job that ended last"
        else:
            failed = _run(workspace, record, stopped, vouched_for)
        if failed:
            log.warning("search %s: its next trainings were not chosen: %s", record.sweep, failed)
        if failed != record.reason and waiting_searches.read(workspace, record.key) == record:  # not typed again
            waiting_searches.write(workspace, replace(record, reason=failed))


def _run(workspace: Workspace, record: WaitingSearch, stopped: Callable[[], object], vouched_for: str) -> str:
    """Run the command of a search again; why that failed, or empty."""
    words = ["--workspace", str(workspace.root.absolute()), "--search", record.key]
    words += ["--settings", vouched_for] if vouched_for else []
    allowed = sbatch.open_variables(record.variables)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", _MODULE, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=sbatch.environment("", os.environ) | allowed,
    )
    began = time.monotonic()
    while True:
        try:
            output, errors = process.communicate(timeout=_INTERVAL)
            break
        except subprocess.TimeoutExpired:
            if stopped() or time.monotonic() > began + _LIMIT:
                process.terminate()
    lines = _lines(output)
    for line in lines:
        log.info("search %s: %s", record.sweep, line)
    if process.returncode > 0:
        return next(reversed(_lines(errors)), f"exit code {process.returncode}").removeprefix("attnctl: ")
    return "the job ended before it had chosen them" if process.returncode else ""


def _lines(text: bytes) -> list[str]:
    lines = (" ".join(line.split()) for line in text.decode(errors="replace").splitlines())
    return ["".join(char if char.isprintable() else "?" for char in line)[:600] for line in lines if line]


# ------------------------------------------------------------------------------------------------- how far a search is


def _progress(workspace: Workspace, record: WaitingSearch) -> Progress | None:
    """How far a search is; None if its sweep is no search any more."""
    sweep = None
    with contextlib.suppress(RecordError):
        sweep = Sweep.read(workspace.sweep(record.sweep))
    if sweep is None or sweep.search is None:
        return None
    specs: list[RunSpec] = []
    verdicts: dict[str, Verdict | None] = {}
    head_of = submissions.cached_heads(workspace)
    for run in dict.fromkeys(sweep.runs):
        found = None
        with skip_unreadable():
            specs.append(workspace.run(run).read_spec())
            found = evidence.newest_verdict(workspace, run, head_of)
        verdicts[run] = found
    known = [verdict for verdict in verdicts.values() if verdict is not None]
    ended = {run for run, verdict in verdicts.items() if verdict is not None and verdict.state in _ENDED}
    unsent = len(known) < len(verdicts)  # chosen by a process that was killed before it submitted them
    return Progress(
        due=unsent or due.is_due(sweep.search, specs, ended),
        finished=not unsent and due.has_all(sweep.search, specs),
        active=any(verdict.state.active for verdict in known),
        since=max((verdict.since for verdict in known), default=record.created),
    )
