"""A submitted job, and how it is recognised in SLURM's answers.

A job whose name is our tag is ours. A site or a user may have renamed it: then a job with our id is ours if its user,
submit time and working folder fit too, since SLURM uses ids again.
"""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Placed

_TAG = re.compile(r"attnctl-\d{8}-\d{6}-[0-9a-f]{8}(?=\||$)")
"""A name that `attnctl.jobs.submission.reserve.new_tag` made."""
_RECORD = re.compile(r"(?P<name>.*?)\|(?P<user>[^|]*)\|(?P<submitted>\d+|\d{4}-[\d:T-]+|Unknown)\|(?P<folder>.*)")
"""Name, user, submit time and folder of a job as sacct prints them; the first and the last may contain bars."""
_EARLIEST = 120.0
"""Seconds before our own time at which SLURM may have registered the job: the clocks of two machines differ."""
_LATEST = 300.0
"""Seconds after our own time until which sbatch may have taken."""

TIMES = {"SLURM_TIME_FORMAT": "%s"}
"""Makes squeue and sacct print times in Unix seconds, which no time zone changes (squeue(1), ENVIRONMENT VARIABLES)."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One array task as it was submitted; empty or None where it is not known.

    id: `<array>_<task>`. tag: the name that it was given. owner: the login name of its user. folder: where sbatch was
    called. created: when, in Unix seconds. cluster: the cluster that took it. claim: gives the file that it writes
    when it starts. step: the name of the run's own step if the job trains several runs.
    """

    id: str
    tag: str
    owner: str = ""
    folder: str = ""
    created: float = 0.0
    cluster: str | None = None
    claim: Callable[[], Path] | None = field(default=None, compare=False)
    step: str = ""

    @property
    def array(self) -> str:
        """The id of its array."""
        return self.id.partition("_")[0]

    @property
    def started(self) -> bool:
        """Whether it has run, so that SLURM may have requeued it, which changes its submit time."""
        return self.claim is not None and self.claim().exists()

    @property
    def foreign(self) -> bool:
        """Whether another user has submitted it."""
        return self.owner not in {"", login_name()}


def recognised(job: Job, user: str, submitted: str, name_and_folder: str) -> bool:
    """Whether a job that SLURM lists under our id is ours.

    submitted: as SLURM prints it. name_and_folder: joined by a bar, since both may contain bars themselves.
    """
    if is_named(job, name_and_folder):
        return True
    if _TAG.match(name_and_folder) or (job.owner and user != job.owner):
        return False  # another submission of ours got the id, or another user
    if job.folder and not name_and_folder.endswith(("|", f"|{job.folder}")):  # sacct learns the folder late
        return False
    moment = _seconds(submitted)
    return moment is not None and job.created - _EARLIEST <= moment and (moment <= job.created + _LATEST or job.started)


def recognised_record(job: Job, record: str) -> bool:
    """Whether a job that sacct lists under our id is ours. record: its name, user, submit time and folder.

    Our name is enough: it is unique.
    """
    if is_named(job, record):
        return True
    match = _RECORD.fullmatch(record)
    return match is not None and recognised(
        job, match["user"], match["submitted"], f"{match['name']}|{match['folder']}"
    )


def is_named(job: Job, record: str) -> bool:
    """Whether the first field of what SLURM prints is the name that we gave the job."""
    return record.partition("|")[0] == job.tag


def is_tag(name: str) -> bool:
    """Whether the name of a job was given by attnctl."""
    return _TAG.fullmatch(name) is not None


def _seconds(text: str) -> float | None:
    """Unix seconds of a time that SLURM printed; None if it is not one."""
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
    except (ValueError, OverflowError):
        return None


def login_name() -> str:
    """The user's name as SLURM shows it: by the user id, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def of(workspace: Workspace, placed: Iterable[Placed]) -> dict[Placed, Job]:
    """The jobs of attempts whose job id is known, with what their submissions record about them."""
    head_of = submissions.cached_heads(workspace)
    jobs: dict[Placed, Job] = {}
    for item in placed:
        if item.job_id is None:
            continue
        head = None
        with skip_unreadable():
            head = head_of(item.tag)
        jobs[item] = Job(
            id=item.job_id,
            tag=item.tag,
            owner=head.owner if head is not None else "",
            folder=head.folder if head is not None else "",
            created=head.created if head is not None else item.created,
            cluster=head.cluster if head is not None else None,
            claim=partial(_claim, workspace, item),
            step=item.run if head is not None and head.runs_per_job else "",
        )
    return jobs


def _claim(workspace: Workspace, item: Placed) -> Path:
    return workspace.run(item.run).attempt(item.attempt).owner


def by_id(jobs: Iterable[Job]) -> Callable[[str], list[Job]]:
    """A function from a job id to the jobs that were given it; ids are used again, so there may be several."""
    table: dict[str, list[Job]] = {}
    for job in jobs:
        table.setdefault(job.id, []).append(job)
    return lambda number: table.get(number, [])


def by_cluster(jobs: Iterable[Job], local: str) -> Mapping[str | None, list[Job]]:
    """The jobs by their cluster; None stands for the local one, which no command needs to be told."""
    groups: dict[str | None, list[Job]] = {}
    for job in jobs:
        groups.setdefault(None if job.cluster in {None, local} else job.cluster, []).append(job)
    return groups
