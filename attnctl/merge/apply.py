"""Carrying out a merge run by run; after an interruption, the same command does the rest."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator

from filelock import FileLock, Timeout

from attnctl.merge import records, runs
from attnctl.merge.plan import Plan, Track
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError

LOCK = ".merge.lock"


def unfinished(workspace: Workspace) -> list[str]:
    """The runs whose merge was interrupted."""
    return [run for run in workspace.run_ids() if runs.unfinished(workspace.run(run))]


def recover(workspace: Workspace) -> None:
    """Finish or undo interrupted merges; raises RecordError."""
    for run in unfinished(workspace):
        runs.recover(workspace.run(run))
    for aside in workspace.runs.glob(f"{runs.ASIDE}*"):
        shutil.rmtree(aside)


@contextlib.contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Lock this workspace against other merges; raises SpecError if one is running.

    Only flock(2) is accepted: filelock's soft lock, for file systems without flock, would outlive a killed merge.
    """
    try:
        lock = FileLock(workspace.root / LOCK, fallback_to_soft=False).acquire(blocking=False)
    except Timeout as error:
        raise SpecError(f"another merge into {workspace.root} is running") from error
    with lock:
        yield


def apply(
    ours: Workspace,
    theirs: Workspace,
    plan: Plan,
    invalidate: Callable[[str], None],
    track: Track = iter,
) -> dict[str, str]:
    """Carry out the plan; return error messages for damaged files, by name. Raises SpecError and OSError.

    invalidate: called before and after the attempts of a run change, so that an index reads the run again.
    """
    ours.runs.mkdir(parents=True, exist_ok=True)
    broken = records.contents(ours, theirs)
    for run in track(plan.present):
        try:
            if run in plan.extended:
                invalidate(run)
                runs.extend(ours.run(run), theirs.run(run), plan.extended[run])
                invalidate(run)
            elif run in plan.new:
                runs.copy_new(ours, theirs.run(run))
        except RecordError as error:
            broken[run] = str(error)
    records.submissions(ours, theirs, [run for run in plan.present if run not in broken])
    changes, faults = records.sweeps(ours, theirs)
    records.write_sweeps(ours, changes)
    there = [run for run in plan.present if run not in broken]
    return broken | faults | records.notes(ours, theirs, there)
