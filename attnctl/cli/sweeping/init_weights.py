"""`--init`: the weights that runs start from, a run's or a file's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from attnctl.files import write_atomic
from attnctl.lifecycle.state import State
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace


@dataclass(frozen=True)
class Start:
    """identity: what `RunSpec.init` holds. file: to be kept in the workspace. run: to wait for."""

    identity: str = ""
    file: Path | None = None
    run: str = ""

    def keep(self, workspace: Workspace) -> None:
        """Copy the file into the workspace, by content: what waits starts from what was submitted."""
        if self.file is not None:
            target = workspace.weights(self.identity.partition(":")[2])
            if not target.exists():
                write_atomic(target, self.file.read_bytes(), durable=True)


def find(workspace: Workspace, text: str | None) -> Start:
    """The start that `--init` names; raises SpecError."""
    if text is None:
        return Start()
    path = Path(text).expanduser()
    if path.is_file():
        with path.open("rb") as stream:
            return Start(f"file:{hashlib.file_digest(stream, 'sha256').hexdigest()}", path)
    found = [run for run in workspace.run_ids() if text and run.startswith(text)]
    if len(found) != 1:
        words = f"begins the ids of {len(found)} runs" if found else "is neither a file nor the beginning of a run's id"
        raise SpecError(f"--init {text!r} {words}")
    return Start(f"run:{found[0]}", run=found[0])


def job_to_wait_for(workspace: Workspace, start: Start, *, on_slurm: bool) -> str | None:
    """The job after whose success the runs can start; None when it has ended well. Raises SpecError when it has not."""
    if not start.run:
        return None
    import functools

    from attnctl.cli.sweeping.plan import newest_verdict
    from attnctl.workspace import submissions

    head_of = functools.cache(lambda tag: submissions.head(workspace.submission(tag)))
    verdict = newest_verdict(workspace, start.run, head_of)
    if verdict is not None and verdict.state is State.COMPLETED:
        return None
    state = verdict.state if verdict is not None else State.NEW
    if not (on_slurm and state.active):
        raise SpecError(f"--init: run {start.run} is {state}; its weights are there when it has completed")
    job = _job(workspace, start.run)
    if job is None:
        raise SpecError(f"--init: run {start.run} is {state}, and its job is not known yet; try again in a minute")
    return job


def _job(workspace: Workspace, run: str) -> str | None:
    from attnctl.workspace.records import Request, Submission

    attempt = workspace.run(run).attempts()[-1]
    request = Request.read(attempt.request)
    submission = Submission.read(workspace.submission(request.tag)) if request else None
    if submission is None or submission.where != "slurm" or submission.job_id is None:
        return None
    return f"{submission.job_id}_{submission.tasks.index([run, attempt.number])}"
