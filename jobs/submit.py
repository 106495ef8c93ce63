"""Submission: reserve, write down the intent, hand it to SLURM, write down the job id.

Kill it anywhere and run it again: a run is never forgotten and never submitted twice.
- Before the intent: the reservations are freed by whoever meets them (jobs.adopt).
- Before, in or after sbatch: the intent has no job id; it is looked up by its tag and adopted, or closed (jobs.adopt).
- A command that sleeps through all this finds its intent closed, and cancels what it has just submitted.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from attnctl import sources
from attnctl.config import Config, SlurmOptions, parse_time
from attnctl.records import Resources, Submission, Where
from attnctl.rundir import Workspace
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from jobs import guard, slurm, submissions
from jobs.adopt import SBATCH_TIMEOUT, adopt
from jobs.commands import CommandError, SlurmUnavailable, run
from jobs.reserve import Reservation, new_tag, reserve
from jobs.script import compose

__all__ = ["SubmitError", "Submitted", "compose", "submit"]

# Words of sbatch after which the job may exist all the same, or may not: only a later look can tell.
_UNCERTAIN = re.compile(r"timed out|Socket|Zero Bytes|Unexpected message|communication", re.IGNORECASE)
_SILENT = re.compile(
    r"Unable to contact slurm controller|Connection refused|Could not establish|is not on this machine"
)


class SubmitError(SpecError):
    """SLURM, or the workspace's file system, refused; the message has their own words."""


@dataclass(frozen=True)
class Submitted:
    """One array, or one batch of runs here. job_id: None while it is not known whether SLURM has taken it.

    skipped: run id to words, of the runs that were not submitted; told with the first array.
    """

    tag: str
    tasks: list[tuple[str, int]]
    job_id: str | None
    skipped: dict[str, str] = field(default_factory=dict)


def submit(
    config: Config, specs: Sequence[RunSpec], resources: Resources, options: SlurmOptions, where: Where
) -> list[Submitted]:
    """Submit each run once, as one array for each MaxArraySize of them; returns at once.

    Raises SpecError for a world that does not fit, SlurmUnavailable and SubmitError; with SLURM's refusal of the
    request itself nothing has been written.
    """
    unique = [(run_id, spec.to_json()) for run_id, spec in {spec.id: spec for spec in specs}.items()]
    for recipe in {spec.recipe for spec in specs}:
        recipe.check_world(resources.world)
    if not unique:
        return []
    size, cluster = len(unique), None
    if where == "slurm":
        found = slurm.limits()
        size, cluster = found.max_array, found.cluster
        _rehearse(compose(config, options, resources, min(size, len(unique)), new_tag()))
        adopt(config.workspace)  # so that what a killed command left is known for what it is
    arrays = [unique[start : start + size] for start in range(0, len(unique), size)]
    try:
        config.workspace.submissions.mkdir(parents=True, exist_ok=True)  # a fault shows before anything is reserved
        _keep_sources(config.workspace, specs)
        return [_submit_array(config, array, resources, options, where, cluster) for array in arrays]
    except OSError as error:
        raise SubmitError(f"cannot write in {error.filename or config.workspace.root}: {error.strerror}") from error


def _keep_sources(workspace: Workspace, specs: Sequence[RunSpec]) -> None:
    """Keep the users' files that runs are made of: what waits is trained with what was submitted."""
    versions = {version for spec in specs for version in (spec.versions.module, spec.versions.backbone)}
    for version in versions:
        if sources.is_own(version):
            sources.keep(str(version), workspace.sources)


def _submit_array(
    config: Config,
    specs: list[tuple[str, dict[str, Any]]],
    resources: Resources,
    options: SlurmOptions,
    where: Where,
    cluster: str | None,
) -> Submitted:
    tag = new_tag()
    reserved = reserve(config.workspace, tag, specs, resources, where, _kept(config, options, resources))
    if not reserved.tasks:
        return Submitted(tag, [], None, reserved.skipped)
    script = compose(config, options, resources, len(reserved.tasks), tag) if where == "slurm" else ""
    documents = dict(specs)
    intent = Submission(
        tag=tag,
        created=time.time(),
        where=where,
        host=socket.gethostname(),
        pid=os.getpid(),
        tasks=[list(task) for task in reserved.tasks],
        specs={run_id: documents[run_id] for run_id, _ in reserved.tasks},
        script=script,
        job_id=f"{socket.gethostname()}:{os.getpid()}" if where == "here" else None,
        cluster=cluster,
    )
    if where == "slurm":
        guard.prepare(config.workspace, tag, reserved.tasks)
    if not submissions.create(config.workspace, intent):
        raise SubmitError("another attnctl took this command for dead and freed its runs; run it again")
    job_id = _send(config, tag, script, reserved) if where == "slurm" else intent.job_id
    return Submitted(tag, reserved.tasks, job_id, reserved.skipped)


def _kept(config: Config, options: SlurmOptions, resources: Resources) -> dict[str, Any]:
    """What the request keeps beside the resources, so that a later attempt asks for the same."""
    settings = config.profile(options.profile)
    kept = options.kept(settings)
    usual = parse_time(settings.time) if settings.time is not None else None
    return kept | {"said": [*kept["said"], *(["minutes"] if resources.minutes != usual else [])]}


def _rehearse(script: str) -> None:
    """Let SLURM judge the request before anything is written; raises SubmitError with its words."""
    try:
        run(["sbatch", "--test-only"], stdin=script, timeout=SBATCH_TIMEOUT)
    except CommandError as error:
        if error.timed_out or _SILENT.search(error.words) or _UNCERTAIN.search(error.words):
            raise SlurmUnavailable(f"SLURM does not answer: {error.words}") from error
        raise SubmitError(f"SLURM refuses: {error.words.removeprefix('allocation failure: ')}") from error


def _send(config: Config, tag: str, script: str, reserved: Reservation) -> str | None:
    """sbatch; the job's id, recorded. None when it may or may not have been taken: `adopt` finds out."""
    try:
        printed = run(["sbatch", "--parsable"], stdin=script, timeout=SBATCH_TIMEOUT)
    except CommandError as error:
        if not _SILENT.search(error.words) and (error.timed_out or _UNCERTAIN.search(error.words)):
            return None
        submissions.change(config.workspace, tag, failed=error.words)
        raise SubmitError(f"SLURM refuses {len(reserved.tasks)} runs: {error.words}") from error
    job_id = printed.strip().partition(";")[0]
    if not job_id.isdecimal():
        return None
    head = submissions.head(config.workspace.submission(tag))
    if head is None or head.failed is not None:
        run(["scancel", "--quiet", job_id])
        raise SubmitError("this command slept so long that another freed its runs; its job is cancelled, run it again")
    submissions.change(config.workspace, tag, job_id=job_id)
    return job_id
