"""Submits runs: reserve them, record the intent, call sbatch, record the job id.

The command may be killed at any point and run again: no run is lost or submitted twice.
- Killed before the intent: the next command that finds the reservations frees them (attnctl.jobs.slurm.adopt).
- Killed before, during or after sbatch: the intent has no job id; it is looked up by its tag and adopted, or the intent
  is closed (attnctl.jobs.slurm.adopt).
- Suspended so long that others did this: the command finds its intent closed and cancels the job that it submitted.

What SLURM does not take yet is put off by attnctl.jobs.submission.waiting_list, and submitted later by
attnctl.jobs.submission.feed.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attnctl import sources
from attnctl.datasets import own
from attnctl.files import private_folder, write_atomic
from attnctl.jobs.slurm import configuration
from attnctl.jobs.slurm.adopt import SBATCH_TIMEOUT, adopt
from attnctl.jobs.slurm.commands import CommandError, on_cluster, run
from attnctl.jobs.slurm.job import login_name
from attnctl.jobs.slurm.sbatch import exported, submit_script, target_cluster
from attnctl.jobs.submission import array_size, code_snapshot, guard, waiting_list
from attnctl.jobs.submission.array_size import NoPlaceError, SubmitError
from attnctl.jobs.submission.reserve import Reservation, new_tag, reserve
from attnctl.jobs.submission.script import compose, requeue_option
from attnctl.jobs.submission.shared_job import gpu_type, room, runs_per_job
from attnctl.jobs.submission.waiting_list import Postponed, PutOff
from attnctl.lifecycle import base_run
from attnctl.lifecycle.base_run import BaseRun
from attnctl.settings import memory_request
from attnctl.settings.config import AUTO, Config, SlurmOptions
from attnctl.settings.job_shape import JobShape, grouped
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace import sharing, submissions, waiting
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources, Submission, Where
from attnctl.workspace.version import mark as mark_version

__all__ = ["SubmitError", "Submitted", "compose", "job_of_base", "submit"]


@dataclass(frozen=True)
class Submitted:
    """One array, or one batch of local runs. job_id: None if it is unknown whether SLURM accepted the job.

    runs_per_job: how many of the tasks share a job; 0 if each has its own.
    skipped: run id to the reason, for the runs that were not submitted; listed with the first array. waiting: run id to
    the reason, for the runs that are submitted later without a further command. starts_again: according to its
    configuration, SLURM restarts these jobs after preemption or on request. warning: why SLURM cannot start them at
    present, in its own words.
    """

    tag: str
    tasks: list[tuple[str, int]]
    job_id: str | None
    skipped: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    starts_again: bool = True
    warning: str = ""
    runs_per_job: int = 0

    def job_of(self, task: int) -> str:
        """The job of a task, or the one meant for it; empty if SLURM has not confirmed the array."""
        return f"{self.job_id}_{task // max(1, self.runs_per_job)}" if self.job_id else ""


def submit(
    config: Config,
    specs: Sequence[RunSpec],
    resources: Resources,
    options: SlurmOptions,
    where: Where,
    *,
    ended: Mapping[str, int] | None = None,
    put_off: PutOff = waiting_list.put_off,
    cautious: bool = False,
    shapes: Mapping[str, JobShape] | None = None,
) -> list[Submitted]:
    """Submit each run once, in as few arrays as SLURM allows; does not wait for them.

    ended: run id to the number of an attempt that counts as ended, whatever the scheduler says; given by the attempt's
    own job. Runs whose base is not completed are submitted behind the job of the base. Runs above the limit on
    submitted jobs, and those whose base has no job yet, are put off by `put_off`. cautious: as in `array_size.find`.
    shapes: run id to what its job asks for instead of these resources and options. Each shape has arrays of its own.

    Raises SpecError if the number of processes does not fit the recipe or the settings are not trusted,
    SlurmUnavailable, and SubmitError; if SLURM rejects the first array, nothing has been written.
    """
    config.check_may_act()
    groups = list(_groups(config.workspace, specs, shapes or {}, JobShape(resources, options)))
    for recipe, world in {(spec.recipe, shape.resources.world) for _, shape, group in groups for spec in group}:
        recipe.check_world(world)
    done: list[Submitted] = []
    for base, shape, group in groups:
        unique = [(spec.id, spec.to_json()) for spec in group]
        try:
            sender = _Sender(config, group, shape.resources, shape.options, where, ended or {}, cautious)
            sender.wait_for(base)
            while unique:
                done.append(sender.submit(unique))
                unique = unique[len(done[-1].tasks) + len(done[-1].skipped) :]
        except NoPlaceError as error:
            left = {run_id for run_id, _ in unique}
            done.append(sender.put_off([spec for spec in group if spec.id in left], error, put_off))
        except SpecError as error:
            if not done:
                raise
            # Earlier arrays are already submitted, so the error is reported as the reason for the remaining runs.
            done.append(Submitted(new_tag(), [], None, {run_id: str(error) for run_id, _ in unique}))
    return done


def _groups(
    workspace: Workspace, specs: Sequence[RunSpec], shapes: Mapping[str, JobShape], default: JobShape
) -> Iterator[tuple[str, JobShape, list[RunSpec]]]:
    """The base, the shape and the runs of each group that can be one array; a base before what waits for it."""
    for base, members in base_run.by_base(workspace, specs).items():
        for shape, group in grouped(members, shapes, default):
            yield base, shape, group


class _Sender:
    """Submits one array after another with the same resources and options."""

    base = after = ""
    """The run that the next arrays wait for, and its job."""

    def __init__(
        self,
        config: Config,
        specs: Sequence[RunSpec],
        resources: Resources,
        options: SlurmOptions,
        where: Where,
        ended: Mapping[str, int],
        cautious: bool,
    ) -> None:
        self.config, self.workspace = config, config.workspace
        self.specs, self.resources, self.options, self.where = specs, resources, options, where
        self.ended, self.cautious = ended, cautious
        self.prepared = self.written = False
        self.cluster: str | None = None
        self.max_array = len(specs)
        self.runs_per_job = 0
        self.starts_again = True
        self.warning = ""
        if where == "slurm":
            clusters = options.target_clusters or os.environ.get("SBATCH_CLUSTERS")
            limits = configuration.limits(target_cluster(clusters, os.environ))
            self.cluster, self.max_array = clusters or limits.cluster, limits.max_array
            self.starts_again = starts_again(limits, options)

    def wait_for(self, base: str) -> None:
        """Submit behind the job of the base, if a job trains it or will train it; empty for no base.

        Raises NoPlaceError if that job is not known yet, or is on another cluster.
        """
        if not base or self.where != "slurm":
            return
        found = base_run.read(self.workspace, base)
        if found.continues:
            self.base, self.after = base, job_of_base(found, self.cluster)
        # else the runs find out themselves, and end with the reason

    def put_off(self, specs: Sequence[RunSpec], error: NoPlaceError, put_off: PutOff) -> Submitted:
        """Record that these runs are still to be submitted. Raises SubmitError."""
        try:
            self._prepare()
            order = Postponed(
                config=self.config,
                resources=self.resources,
                options=recorded_options(self.config, self.options, self.resources, self.where),
                ended=self.ended,
                reason=str(error),
                base=error.base,
            )
            reasons, skipped = put_off(order, specs)
        except OSError as failure:
            message = f"cannot write in {failure.filename or self.workspace.root}: {failure.strerror}"
            raise SubmitError(message, written=self.written) from failure
        return Submitted(new_tag(), [], None, skipped, reasons, self.starts_again)

    def submit(self, waiting: Sequence[tuple[str, dict[str, Any]]]) -> Submitted:
        """Submit as many runs as fit into one array. waiting: run id and spec as JSON values."""
        if self.where == "slurm":
            options = room(self.workspace, self.options, self.resources, self.specs)
            self.runs_per_job = runs_per_job(options, self.resources, len(waiting), self.base)
        each = max(1, self.runs_per_job)
        array = list(waiting[: self.max_array * each])
        tag = new_tag()
        if self.where == "slurm":
            elements = -(-len(array) // each)
            found = array_size.find(lambda count: self._script(count, tag), elements, cautious=self.cautious)
            array, self.max_array = array[: found.count * each], found.count if found.by_array else self.max_array
            self.warning = found.warning
        try:
            self._prepare()
            return self._submit_array(tag, array)
        except OSError as error:
            message = f"cannot write in {error.filename or self.workspace.root}: {error.strerror}"
            raise SubmitError(message, written=self.written) from error

    def _prepare(self) -> None:
        """Write the shared files first, so that file system errors appear before anything is reserved."""
        if self.prepared:
            return
        sharing.share(self.workspace)
        mark_version(self.workspace)
        if self.where == "slurm" and not self.ended:
            adopt(self.workspace)  # recover what killed commands left, so that their runs have a known state
        self.workspace.submissions.mkdir(parents=True, exist_ok=True)
        _keep_sources(self.workspace, self.specs)
        code_snapshot.keep(self.workspace)
        self.prepared = True

    def _script(self, count: int, tag: str) -> str:
        return compose(
            self.config,
            self.options,
            self.resources,
            count,
            tag,
            after=self.after,
            runs_per_job=self.runs_per_job,
        )

    def _submit_array(self, tag: str, specs: list[tuple[str, dict[str, Any]]]) -> Submitted:
        recorded = recorded_options(self.config, self.options, self.resources, self.where)
        reserved = reserve(self.workspace, tag, specs, self.resources, self.where, recorded, self.ended, self.base)
        if not reserved.tasks:
            return Submitted(tag, [], None, reserved.skipped)
        elements = -(-len(reserved.tasks) // max(1, self.runs_per_job))
        script = self._script(elements, tag) if self.where == "slurm" else ""
        documents = dict(specs)
        intent = Submission(
            tag=tag,
            created=time.time(),
            where=self.where,
            host=socket.gethostname(),
            pid=os.getpid(),
            tasks=[list(task) for task in reserved.tasks],
            specs={run_id: documents[run_id] for run_id, _ in reserved.tasks},
            script=script,
            job_id=f"{socket.gethostname()}:{os.getpid()}" if self.where == "local" else None,
            cluster=self.cluster,
            owner=login_name(),
            folder=str(Path.cwd()),
            runs_per_job=self.runs_per_job,
        )
        if self.config.source is not None:
            settings = self.workspace.submission_settings(tag)
            write_atomic(settings, self.config.source, durable=True, mode=self.workspace.private)
        if self.where == "slurm":
            guard.prepare(self.workspace, tag, reserved.tasks, self.runs_per_job)
        if not submissions.create(self.workspace, intent):
            raise SubmitError("another attnctl process released these runs because this one looked dead; run it again")
        self.written = True
        job_id = _send(self.workspace, tag, script, reserved) if self.where == "slurm" else intent.job_id
        if job_id is not None:
            for run_id, _ in reserved.tasks:
                waiting.remove(self.workspace, run_id)
        return Submitted(
            tag,
            reserved.tasks,
            job_id,
            reserved.skipped,
            starts_again=self.starts_again,
            warning=self.warning,
            runs_per_job=self.runs_per_job,
        )


def job_of_base(base: BaseRun, cluster: str | None) -> str:
    """The job that jobs of this cluster (None: unknown) wait for. base: one that a job trains or will train.

    Raises NoPlaceError if its job is not known yet, or is on another cluster, where --dependency does not reach it.
    """
    if not base.job:
        raise NoPlaceError(str(base), base=base.id)
    if base.is_elsewhere(cluster):
        raise NoPlaceError(
            f"{base} of cluster {base.cluster}, which jobs of cluster {cluster} cannot wait for", base=base.id
        )
    return base.job


def starts_again(limits: configuration.Limits, options: SlurmOptions) -> bool:
    """Whether an interrupted job is requeued, by SLURM or by itself.

    JobRequeue=0 is only a default, which our script overrides. Under PreemptMode=CANCEL too a job with --requeue may
    requeue itself while it is being cancelled (tried on SLURM 22.05, with and without GraceTime).
    """
    option = requeue_option(options)
    return limits.requeue if option in {"requeue=false", "no-requeue=false"} else option != "no-requeue=true"


def _keep_sources(workspace: Workspace, specs: Sequence[RunSpec]) -> None:
    """Keep copies of the users' source files, so that waiting runs train what was submitted."""
    versions = {version for spec in specs for version in spec.code_versions}
    for version in versions:
        if sources.is_own(version):
            private_folder(workspace.sources, workspace.private)
            sources.keep(str(version), workspace.sources)
    own.keep([spec.dataset for spec in specs], workspace.datasets, workspace.private)


def recorded_options(config: Config, options: SlurmOptions, resources: Resources, where: Where) -> dict[str, Any]:
    """The options that the request records beside the resources, so that a later attempt can request the same.

    On SLURM also those that the script leaves to a variable, such as SBATCH_PARTITION.
    """
    settings = config.configured(options)
    recorded = options.to_record(settings)
    chosen = resources.minutes != settings.minutes and not options.auto_time
    names = [*recorded["from_command"], *(["minutes"] if chosen else [])]
    memory = memory_request.per_node(options, resources)
    left_open = {
        name: value
        for name, value in (exported(os.environ) if where == "slurm" else {}).items()
        if not options.decides(name)
    }
    return (
        recorded
        | ({"mem": f"{memory}M"} if memory and options.mem is None else {})
        | ({"time": options.time} if options.auto_time else {})
        | ({"gpu_type": gpu_type(options)} if options.runs_per_gpu == AUTO else {})
        | {"from_command": names, "from_environment": recorded["from_environment"] | left_open}
    )


def _send(workspace: Workspace, tag: str, script: str, reserved: Reservation) -> str | None:
    """Run sbatch and record the job's id. Returns None if SLURM may have accepted it: `adopt` finds out later."""
    try:
        accepted = submit_script(script, SBATCH_TIMEOUT)
    except CommandError as error:
        if array_size.uncertain(error):
            return None
        if array_size.is_full(error.message):  # another command took the places since --test-only
            message = array_size.no_place(error.message)
            submissions.change(workspace, tag, failed=message)
            raise NoPlaceError(message, written=True) from error
        submissions.change(workspace, tag, failed=error.message)
        count = quantity(len(reserved.tasks), "run")
        raise SubmitError(f"SLURM rejected {count}: {error.message}", written=True) from error
    if accepted is None:
        return None
    head = submissions.head(workspace.submission(tag))
    cluster = accepted.cluster or (head.cluster if head is not None else None)
    if head is None or head.failed is not None:
        run(["scancel", *on_cluster(accepted.cluster), "--quiet", accepted.job_id])
        raise SubmitError(
            "this command was suspended so long that another one released its runs; its job is cancelled, run it again"
        )
    submissions.change(workspace, tag, job_id=accepted.job_id, cluster=cluster)
    return accepted.job_id
