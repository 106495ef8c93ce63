"""Doing what was planned, a run at a time; broken off anywhere, the same command does the rest."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator

from attnctl.merge import records, runs
from attnctl.merge.plan import Plan, Track
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError

LOCK = ".merge.lock"


def unfinished(workspace: Workspace) -> list[str]:
    """The runs of which a merge was broken off."""
    return [run for run in workspace.run_ids() if runs.unfinished(workspace.run(run))]


def recover(workspace: Workspace) -> None:
    """Finish or undo what earlier merges left; raises RecordError."""
    for run in unfinished(workspace):
        runs.recover(workspace.run(run))
    for aside in workspace.runs.glob(f"{runs.ASIDE}*"):
        shutil.rmtree(aside)


@contextlib.contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Of two merges into one workspace, one waits for nothing and ends; raises SpecError."""
    descriptor = os.open(workspace.root / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise SpecError(f"another merge into {workspace.root} is going on") from error
    finally:
        os.close(descriptor)


def apply(
    ours: Workspace,
    theirs: Workspace,
    plan: Plan,
    moving: Callable[[str], None],
    track: Track = iter,
) -> dict[str, str]:
    """Do it; gives what turned out broken beside the runs, by name, in words. Raises SpecError and OSError.

    moving: told each run whose attempts get other numbers or company, before and after: an index must read it anew.
    """
    ours.runs.mkdir(parents=True, exist_ok=True)
    broken = records.contents(ours, theirs)
    for run in track(plan.present):
        try:
            if run in plan.extended:
                moving(run)
                runs.extend(ours.run(run), theirs.run(run), plan.extended[run])
                moving(run)
            elif run in plan.new:
                runs.copy_new(ours, theirs.run(run))
        except RecordError as error:
            broken[run] = str(error)
    records.submissions(ours, theirs, [run for run in plan.present if run not in broken])
    changes, faults = records.sweeps(ours, theirs)
    records.write_sweeps(ours, changes)
    return broken | faults
