"""A job whose run starts from another run's weights trains only once that run, its base, is completed.

The job waits in the queue behind the job of the base. That the base's job has ended does not mean that the base is
completed: it may have reached its time limit and continue as another job. Then this job gives itself back, behind the
base's new job. A base that nothing continues, that has no job yet, or whose job is on another cluster, ends this job;
its run is then put off, and is submitted again when the base has a job or is completed
(attnctl.jobs.submission.feed), or by `attnctl resume`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from attnctl.jobs import requeue
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.slurm.observe import observe
from attnctl.jobs.submission import previous_request, waiting_list
from attnctl.jobs.submission.waiting_list import Postponed
from attnctl.lifecycle import base_run
from attnctl.lifecycle.base_run import BaseRun
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt, RunDir, Workspace
from attnctl.workspace.records import Placed, Request

PATIENCE = 75.0
"""Seconds to wait for the base's exit record: a node's view of a network file system lags by up to 60 (nfs(5),
acdirmax), and this job may start within a second after that of the base."""

_INTERVAL = 3.0


class BaseUnfinishedError(Exception):
    """The base is not completed; the message says what it does."""

    def __init__(self, base: BaseRun) -> None:
        super().__init__(str(base) if base.continues else f"{base}, not completed")
        self.base = base


def check(workspace: Workspace, spec: RunSpec, stop: Callable[[], None], patience: float = PATIENCE) -> None:
    """Raise BaseUnfinishedError unless the run has no base or its base is completed. stop: called while waiting."""
    end = time.monotonic() + patience
    while (base := base_run.unfinished(workspace, spec)) is not None:
        if base.continues:
            _observe(workspace, base)
            base = base_run.unfinished(workspace, spec)
            if base is None:
                return
        if base.continues or _has_ended(workspace, base) or time.monotonic() > end:
            raise BaseUnfinishedError(base)
        stop()
        time.sleep(_INTERVAL)


def refusal(base: BaseRun, worker: Worker, *, shared: bool = False) -> str:
    """Why this job ends instead of waiting for its base; empty if it gives itself back. shared: with other runs."""
    if shared:
        return "it shares its job with other runs"
    if not worker.on_slurm or not base.continues:
        return "no job continues its base"
    if base.state is State.WAITING:
        return "its base has no job yet"
    if base.is_elsewhere(os.environ.get("SLURM_CLUSTER_NAME")):
        return f"its base is on cluster {base.cluster}"
    return "the job was cancelled" if requeue.cancelled(worker.job_id) else ""


def put_off(config: Config, run: RunDir, attempt: Attempt, base: BaseRun) -> None:
    """Let the run be submitted again once its base has a job or is completed. Raises OSError and RecordError."""
    request = Request.read(attempt.request)
    if request is not None:
        postponed = Postponed(
            config=config,
            resources=previous_request.resources(request),
            options=request.options,
            ended={run.id: attempt.number},
            reason=str(base),
            base=base.id,
        )
        waiting_list.put_off(postponed, [run.read_spec()])


def _has_ended(workspace: Workspace, base: BaseRun) -> bool:
    """Whether the newest start of the base has left an exit record, so that nothing more is to come from it."""
    attempts = workspace.run(base.id).attempts()
    starts = attempts[-1].incarnations() if attempts else []
    return not starts or bool(starts[-1].exits())


def _observe(workspace: Workspace, base: BaseRun) -> None:
    """Ask SLURM about the base's job, which may have ended without an exit record; nothing if SLURM does not answer."""
    if not base.job:
        return
    attempt = workspace.run(base.id).attempts()[-1]
    request = Request.read(attempt.request)
    head = submissions.head(workspace.submission(request.tag)) if request is not None else None
    if head is not None:
        observe(
            workspace,
            [
                Placed(
                    run=base.id,
                    attempt=attempt.number,
                    tag=head.tag,
                    where="slurm",
                    job_id=base.job,
                    created=head.created,
                )
            ],
        )
