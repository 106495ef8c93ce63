"""The base of a run: the run whose weights it starts from (`sweep --init RUN`). It must be completed before.

A job that starts from a base that has not completed waits in the queue behind the job of the base. When that job ends,
in whatever way, it looks again: the base may be completed, or continue as another job (a requeue, a continuation, a
`resume`), or have ended unfinished. While the base has no job yet, and after a job found it unfinished, the run waits
outside the queue (attnctl.workspace.waiting), and is submitted once its base has a job or is completed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from attnctl.lifecycle.evidence import newest_verdict
from attnctl.lifecycle.state import State
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Request


@dataclass(frozen=True, kw_only=True)
class BaseRun:
    """A base and what it does now. job: the SLURM job that trains it, if it is active and the job is known.

    on_slurm: its newest attempt was submitted to SLURM. cluster: the cluster of the job, if it is known.
    """

    id: str
    state: State
    job: str = ""
    on_slurm: bool = False
    cluster: str = ""

    @property
    def continues(self) -> bool:
        """Whether a job of SLURM trains it or will train it, which need not have been submitted yet."""
        return self.state.active and self.on_slurm

    def is_elsewhere(self, cluster: str | None) -> bool:
        """Whether its job is on another cluster than this one; jobs of this one cannot depend on it then.

        cluster: None or empty if unknown. SLURM ignores the case of these names (slurm.conf(5), ClusterName).
        """
        return bool(self.cluster and cluster) and self.cluster.casefold() != str(cluster).casefold()

    def __str__(self) -> str:
        """Such as `run 3fa2..., whose weights it starts from, is running as SLURM job 12_0`."""
        job = f" as SLURM job {self.job}" if self.job else ""
        return f"run {self.id}, whose weights it starts from, is {self.state}{job}"


def read(workspace: Workspace, run_id: str) -> BaseRun:
    """The base of that id, from the records in the workspace. Raises RecordError."""
    run = workspace.run(run_id)
    if run.completed:
        return BaseRun(id=run_id, state=State.COMPLETED)
    verdict = newest_verdict(workspace, run_id)
    if verdict is None:
        return BaseRun(id=run_id, state=State.NEW)
    if verdict.state is State.WAITING:
        return BaseRun(id=run_id, state=verdict.state, on_slurm=True)
    request = next(filter(None, (Request.read(attempt.request) for attempt in reversed(run.attempts()))), None)
    on_slurm = request is not None and request.where == "slurm"
    job = head = None
    if request is not None and on_slurm and verdict.state.active:
        job = submissions.job_of(workspace, request.tag, run_id)
        head = submissions.head(workspace.submission(request.tag))
    cluster = head.cluster if head is not None else None
    return BaseRun(id=run_id, state=verdict.state, job=job or "", on_slurm=on_slurm, cluster=cluster or "")


def unfinished(workspace: Workspace, spec: RunSpec) -> BaseRun | None:
    """The run's base if it has not completed; None if it has, or if the run has no base. Raises RecordError."""
    if spec.base is None or workspace.run(spec.base).completed:
        return None
    return read(workspace, spec.base)


def by_base(workspace: Workspace, specs: Iterable[RunSpec]) -> dict[str, list[RunSpec]]:
    """The runs by the base that they wait for, empty for none; a base comes before the runs that wait for it."""
    known = {spec.id: spec for spec in specs}
    groups: dict[str, list[RunSpec]] = {}
    for spec in sorted(known.values(), key=lambda spec: depth(spec, known)):
        waits = spec.base if spec.base and (spec.base in known or not workspace.run(spec.base).completed) else ""
        groups.setdefault(waits, []).append(spec)
    return groups


def depth(spec: RunSpec, known: dict[str, RunSpec]) -> int:
    """How many of the known runs are bases of this one, one behind the other."""
    count = 0
    while spec.base in known:  # without a circle, because a run's id depends on its base's id
        spec, count = known[spec.base], count + 1
    return count
