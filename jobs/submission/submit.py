"""Submission: reserve, write down the intent, hand it to SLURM, write down the job id.

Kill it anywhere and run it again: a run is never forgotten and never submitted twice.
- Before the intent: the reservations are freed by whoever meets them (attnctl.jobs.slurm.adopt).
- Before, in or after sbatch: the intent has no job id; it is looked up by its tag and adopted, or closed (see
  attnctl.jobs.slurm.adopt).
- A command that sleeps through all this finds its intent closed, and cancels what it has just submitted.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attnctl import sources
from attnctl.files import private_folder
from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.adopt import SBATCH_TIMEOUT, adopt
from attnctl.jobs.slurm.commands import CommandError, run
from attnctl.jobs.submission import array_size, code_snapshot, guard
from attnctl.jobs.submission.array_size import SubmitError
from attnctl.jobs.submission.reserve import Reservation, new_tag, reserve
from attnctl.jobs.submission.script import asks_about_requeue, compose
from attnctl.settings.config import Config, SlurmOptions
from attnctl.spec import RunSpec
from attnctl.units import parse_time, quantity
from attnctl.values import SpecError
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources, Submission, Where

__all__ = ["SubmitError", "Submitted", "compose", "submit"]


@dataclass(frozen=True)
class Submitted:
    """One array, or one batch of runs here. job_id: None while it is not known whether SLURM has taken it.

    skipped: run id to words, of the runs that were not submitted; told with the first array. starts_again: SLURM starts
    a job of it that it preempts, or that asks for it, again, as far as its configuration tells.
    """

    tag: str
    tasks: list[tuple[str, int]]
    job_id: str | None
    skipped: dict[str, str] = field(default_factory=dict)
    starts_again: bool = True


def submit(
    config: Config,
    specs: Sequence[RunSpec],
    resources: Resources,
    options: SlurmOptions,
    where: Where,
    *,
    ended: Mapping[str, int] | None = None,
) -> list[Submitted]:
    """Submit each run once, in as few arrays as SLURM takes them; returns at once.

    ended: run id to the number of an attempt that is over whatever the scheduler said of it: its own job asks.
    What is above the limit on submitted jobs is neither reserved nor submitted, and told as skipped. Raises SpecError
    for a world that does not fit, SlurmUnavailable and SubmitError; with SLURM's refusal of the request itself nothing
    has been written.
    """
    unique = [(run_id, spec.to_json()) for run_id, spec in {spec.id: spec for spec in specs}.items()]
    for recipe in {spec.recipe for spec in specs}:
        recipe.check_world(resources.world)
    if not unique:
        return []
    sender = _Sender(config, specs, resources, options, where, ended or {})
    done: list[Submitted] = []
    while unique:
        try:
            done.append(sender.submit(unique))
        except SpecError as error:
            if not done:
                raise
            # What is submitted is submitted: of the others it is told why they are not.
            return [*done, Submitted(new_tag(), [], None, {run_id: str(error) for run_id, _ in unique})]
        unique = unique[len(done[-1].tasks) + len(done[-1].skipped) :]
    return done


class _Sender:
    """Submits one array after another of the same shape."""

    def __init__(
        self,
        config: Config,
        specs: Sequence[RunSpec],
        resources: Resources,
        options: SlurmOptions,
        where: Where,
        ended: Mapping[str, int],
    ) -> None:
        self.config, self.workspace = config, config.workspace
        self.specs, self.resources, self.options, self.where = specs, resources, options, where
        self.ended = ended
        self.begun = self.written = False
        self.cluster: str | None = None
        self.longest = len(specs)
        self.starts_again = True
        if where == "slurm":
            found = queries.limits()
            self.cluster, self.longest = found.cluster, found.max_array
            self.starts_again = starts_again(found, options)

    def submit(self, waiting: Sequence[tuple[str, dict[str, Any]]]) -> Submitted:
        """Submit as many as fit into one array. waiting: run id and spec as JSON values."""
        array = list(waiting[: self.longest])
        tag = new_tag()
        if self.where == "slurm":
            count, by_array = array_size.find(lambda count: self._script(count, tag), len(array))
            array, self.longest = array[:count], count if by_array else self.longest
        try:
            self._begin()
            return self._hand_over(tag, array)
        except OSError as error:
            words = f"cannot write in {error.filename or self.workspace.root}: {error.strerror}"
            raise SubmitError(words, written=self.written) from error

    def _begin(self) -> None:
        """Before the first reservation: so that a fault of the file system shows before anything is reserved."""
        if self.begun:
            return
        if self.where == "slurm" and not self.ended:
            adopt(self.workspace)  # so that what a killed command left is known for what it is
        self.workspace.submissions.mkdir(parents=True, exist_ok=True)
        _keep_sources(self.workspace, self.specs)
        code_snapshot.keep(self.workspace)
        self.begun = True

    def _script(self, count: int, tag: str) -> str:
        return compose(self.config, self.options, self.resources, count, tag)

    def _hand_over(self, tag: str, specs: list[tuple[str, dict[str, Any]]]) -> Submitted:
        kept = _kept(self.config, self.options, self.resources)
        reserved = reserve(self.workspace, tag, specs, self.resources, self.where, kept, self.ended)
        if not reserved.tasks:
            return Submitted(tag, [], None, reserved.skipped)
        script = self._script(len(reserved.tasks), tag) if self.where == "slurm" else ""
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
        )
        if self.where == "slurm":
            guard.prepare(self.workspace, tag, reserved.tasks)
        if not submissions.create(self.workspace, intent):
            raise SubmitError("another attnctl took this command for dead and freed its runs; run it again")
        self.written = True
        job_id = _send(self.workspace, tag, script, reserved) if self.where == "slurm" else intent.job_id
        return Submitted(tag, reserved.tasks, job_id, reserved.skipped, self.starts_again)


def starts_again(limits: queries.Limits, options: SlurmOptions) -> bool:
    """Whether SLURM starts an interrupted job again. JobRequeue=0 is but a default, and the script asks otherwise."""
    asked = asks_about_requeue(options)
    allowed = limits.requeue if asked in {"requeue=false", "no-requeue=false"} else asked != "no-requeue=true"
    return allowed and "CANCEL" not in limits.preempt_mode


def _keep_sources(workspace: Workspace, specs: Sequence[RunSpec]) -> None:
    """Keep the users' files that runs are made of: what waits is trained with what was submitted."""
    versions = {version for spec in specs for version in (spec.versions.module, spec.versions.backbone)}
    for version in versions:
        if sources.is_own(version):
            private_folder(workspace.sources, workspace.private)
            sources.keep(str(version), workspace.sources)


def _kept(config: Config, options: SlurmOptions, resources: Resources) -> dict[str, Any]:
    """What the request keeps beside the resources, so that a later attempt asks for the same."""
    settings = config.profile(options.profile)
    kept = options.to_record(settings)
    usual = parse_time(settings.time) if settings.time is not None else None
    return kept | {"from_command": [*kept["from_command"], *(["minutes"] if resources.minutes != usual else [])]}


def _send(workspace: Workspace, tag: str, script: str, reserved: Reservation) -> str | None:
    """sbatch; the job's id, recorded. None when it may or may not have been taken: `adopt` finds out."""
    try:
        printed = run(["sbatch", "--parsable"], stdin=script, timeout=SBATCH_TIMEOUT)
    except CommandError as error:
        if array_size.uncertain(error):
            return None
        submissions.change(workspace, tag, failed=error.words)
        raise SubmitError(
            f"SLURM refuses {quantity(len(reserved.tasks), 'run')}: {error.words}", written=True
        ) from error
    job_id = printed.strip().partition(";")[0]
    if not job_id.isdecimal():
        return None
    head = submissions.head(workspace.submission(tag))
    if head is None or head.failed is not None:
        run(["scancel", "--quiet", job_id])
        raise SubmitError("this command slept so long that another freed its runs; its job is cancelled, run it again")
    submissions.change(workspace, tag, job_id=job_id)
    return job_id
