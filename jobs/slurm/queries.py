"""Queries SLURM for the state of our jobs.

The answer for a job is a JobStatus, or says that SLURM does not know it (Absent), contradicts itself (Unseen), may not
show it to this user (Hidden), or did not answer (Unavailable).

squeue is first run for all jobs of this user, by name. With `-t all` it also lists jobs that ended recently
(slurm.conf(5), MinJobAge), even without accounting; with `-a` also those of hidden partitions. The jobs that it does
not list as active are looked up on their own cluster: in sacct, and, unless the job is this user's and sacct has its
end under our name, in squeue by job id. That shows other users' jobs, and renamed ones: see `attnctl.jobs.slurm.job`.

How the two are combined:

| squeue     | sacct                    | answer |
|---|---|---|
| fails      | not run                  | Unavailable |
| active     | not run, or anything     | squeue's state |
| ended      | ended                    | sacct's state: the states of its steps reveal an out-of-memory kill |
| ended      | anything else            | squeue's state: the controller knows how the job ended, and its exit code |
| not listed | ended                    | sacct's state |
| not listed | waiting, never started   | Absent: the controller crashed and forgot the job |
| not listed | active otherwise         | Unseen: the record is late, the controller forgot the job, or hides it |
| not listed | not listed               | Absent, or Hidden if it is another user's and those are private |
| not listed | fails                    | Unavailable: it may know how the job ended |
| not listed | fails; accounting is off | Absent: squeue answered, and there is no other source |

A job that squeue lists under another name is Unseen if its user, submit time and folder cannot be compared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from attnctl.jobs.slurm import versions
from attnctl.jobs.slurm.commands import (
    NO_ANSWER,
    CommandError,
    SlurmUnavailable,
    environment,
    on_cluster,
    parse_table,
    run,
)
from attnctl.jobs.slurm.configuration import read_limits
from attnctl.jobs.slurm.job import (
    TIMES,
    Job,
    by_cluster,
    by_id,
    is_named,
    is_tag,
    recognised,
    recognised_record,
)
from attnctl.lifecycle.state import SLURM_STATES, State
from attnctl.units import slurm_time

_DAY = 86400.0
_LONGEST_ARGUMENT = 100_000  # bytes; Linux limits one argument to 128 KiB (execve(2), MAX_ARG_STRLEN)
_UNKNOWN_ID = "Invalid job id"  # squeue fails if a single id is asked for and the controller does not know it
_NAMED = "%i|%T|%N|%r|%j"
_DETAILED = "%i|%T|%N|%r|%u|%V|%j|%Z"
_RECORDED = "JobID,State,ExitCode,DerivedExitCode,NodeList,JobName,User,Submit,WorkDir"
_MAX_TASK_IDS = 200  # tasks of one array that are listed one by one; beyond that the id of the array covers them all


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """A job that SLURM knows. state: in the long form, such as `OUT_OF_MEMORY` (squeue(1), JOB STATE CODES).

    named: it has the name that we gave it. cluster: where it is; None for the local one.
    """

    state: str
    reason: str = ""
    exit_code: str = ""
    nodes: str = ""
    source: str = ""
    named: bool = True
    cluster: str | None = None

    @property
    def active(self) -> bool:
        """Whether it has not ended. An unknown state counts as active."""
        state = SLURM_STATES.get(self.state)
        return state is None or state.active


@dataclass(frozen=True)
class Absent:
    """SLURM answered, but does not know the job. source: squeue or sacct."""

    source: str


@dataclass(frozen=True)
class Unseen:
    """SLURM contradicts itself, so the job may run. reason: what its commands say; source: the one that lists it."""

    reason: str
    source: str


@dataclass(frozen=True)
class Hidden:
    """SLURM shows the jobs of other users to nobody else, so nothing is known about the job. owner: its user."""

    owner: str

    @property
    def message(self) -> str:
        """Why nothing is known."""
        return f"this cluster shows the jobs of {self.owner} only to {self.owner} (PrivateData)"


@dataclass(frozen=True)
class Unavailable:
    """SLURM did not answer, so nothing is known about the job. reason: the message of its command."""

    reason: str

    @property
    def message(self) -> str:
        """Why nothing is known."""
        return f"{NO_ANSWER}: {self.reason}"


Answer = JobStatus | Absent | Unseen | Hidden | Unavailable


def query(jobs: Collection[Job]) -> dict[Job, Answer]:
    """The answer for each job."""
    if not jobs:
        return {}
    try:
        listed, renamed = _list_ours(jobs)
        answers: dict[Job, Answer] = {job: row for job, row in listed.items() if row.active}
        rest = [job for job in jobs if job not in answers]
        local = read_limits().cluster if any(job.cluster is not None for job in rest) else ""
    except CommandError as error:
        return dict.fromkeys(jobs, Unavailable(error.message))
    for cluster, group in by_cluster(rest, local).items():
        try:
            here = (listed, renamed) if cluster is None else _list_ours(group, cluster)
            answers |= {job: _located(answer, cluster) for job, answer in _look_up(group, *here, cluster).items()}
        except CommandError as error:
            answers |= dict.fromkeys(group, Unavailable(error.message))
    return answers


def _located(answer: Answer, cluster: str | None) -> Answer:
    return replace(answer, cluster=cluster) if isinstance(answer, JobStatus) else answer


def _look_up(
    jobs: Iterable[Job], listed: Mapping[Job, JobStatus], renamed: Mapping[Job, str], cluster: str | None
) -> dict[Job, Answer]:
    """The answers for jobs of one cluster. listed, renamed: see `_list_ours`. Raises CommandError if squeue fails."""
    answers: dict[Job, Answer] = {job: row for job, row in listed.items() if row.active}
    ended = [job for job in jobs if job not in answers]
    try:
        records, failure = _sacct(ended, cluster), None
    except CommandError as error:
        records, failure = {}, error.message
    answers |= {job: record for job, record in records.items() if not record.active}
    unlisted = [job for job in ended if job not in listed]
    doubtful = [job for job in unlisted if job.foreign or job not in answers or not records[job].named]
    answers |= _list_by_id(doubtful, renamed, cluster) if doubtful else {}
    missing = [job for job in unlisted if job not in answers]
    answers |= _missing(missing, records, failure, cluster) if missing else {}
    answers = {job: row for job, row in listed.items() if job not in answers} | answers
    unexplained = [job for job in listed if listed[job].state == "FAILED" and answers[job] is listed[job]]
    codes = _exit_codes(cluster) if unexplained else {}
    return answers | {job: replace(listed[job], exit_code=codes.get(job.id, "")) for job in unexplained}


def _missing(
    jobs: Iterable[Job], records: Mapping[Job, JobStatus], failure: str | None, cluster: str | None
) -> dict[Job, Answer]:
    """The answers for jobs that squeue does not list. records: of sacct, or failure: why there are none."""
    answers: dict[Job, Answer] = {}
    for job in jobs:
        if job in records and not _forgotten(job, records[job]):
            answers[job] = Unseen(f"squeue does not list job {job.id}, but sacct says {records[job].state}", "sacct")
    rest = [job for job in jobs if job not in answers]
    if not rest or (failure is None and not any(job.foreign for job in rest)):
        return answers | dict.fromkeys(rest, Absent("sacct"))
    try:
        limits = read_limits(cluster)
    except CommandError as error:
        return answers | dict.fromkeys(rest, Unavailable(failure or error.message))
    for job in rest:
        if failure is not None and limits.accounting:
            answers[job] = Unavailable(failure)
        elif job.foreign and limits.private:
            answers[job] = Hidden(job.owner)
        else:
            answers[job] = Absent("squeue" if failure is not None else "sacct")
    return answers


def _forgotten(job: Job, record: JobStatus) -> bool:
    """Whether a waiting job exists in sacct only: a controller that crashes soon after sbatch never starts it.

    squeue shows all of a user's own jobs by their ids, so a job of ours that it does not list waits nowhere.
    """
    return SLURM_STATES.get(record.state) is State.QUEUED and not job.started and not job.foreign


def _list_ours(jobs: Collection[Job], cluster: str | None = None) -> tuple[dict[Job, JobStatus], dict[Job, str]]:
    """Run squeue for this user's jobs: the status of each that it lists under our name; the others' names.

    Raises CommandError.
    """
    text = run(["squeue", *on_cluster(cluster), "--me", "-a", "-r", "-h", "-t", "all", "-o", _NAMED])
    return read_squeue(text, jobs), _read_names(text, jobs)


def read_squeue(text: str, jobs: Iterable[Job]) -> dict[Job, JobStatus]:
    """Parse the rows of jobs with our name; raises CommandError if the output was cut off."""
    jobs_of = by_id(jobs)
    return {
        job: JobStatus(state=state, reason=_value(reason), nodes=_value(nodes), source="squeue")
        for number, state, nodes, reason, name in parse_table(text, 5, "squeue")
        for job in jobs_of(number)
        if name == job.tag and state
    }


def _read_names(text: str, jobs: Iterable[Job]) -> dict[Job, str]:
    """The name of each active job that has our id but a name that is not of attnctl."""
    jobs_of = by_id(jobs)
    return {
        job: name
        for number, state, _, _, name in parse_table(text, 5, "squeue")
        for job in jobs_of(number)
        if name != job.tag and not is_tag(name) and JobStatus(state=state).active
    }


def _list_by_id(jobs: Collection[Job], renamed: Mapping[Job, str], cluster: str | None) -> dict[Job, Answer]:
    """Run squeue for these job ids, whoever has submitted them; raises CommandError. renamed: see `_list_ours`."""
    text = ""
    for ids in _id_arguments({job.array for job in jobs}):
        command = ["squeue", *on_cluster(cluster), "-a", "-r", "-h", "-t", "all", "-j", ids, "-o", _DETAILED]
        try:
            text += run(command, env=environment() | TIMES)
        except CommandError as error:
            if _UNKNOWN_ID not in error.message:
                raise
    answers: dict[Job, Answer] = dict(read_details(text, jobs))
    compared = {row[0] for row in parse_table(text, 7, "squeue")}
    for job, name in renamed.items():
        if job.id not in compared and job in jobs:
            answers[job] = Unseen(f"squeue lists job {job.id} under the name {name!r}", "squeue")
    return answers


def read_details(text: str, jobs: Iterable[Job]) -> dict[Job, JobStatus]:
    """Parse the rows of our jobs, whatever their names are; raises CommandError if the output was cut off."""
    jobs_of = by_id(jobs)
    return {
        job: JobStatus(state=state, reason=_value(reason), nodes=_value(nodes), source="squeue", named=False)
        for number, state, nodes, reason, user, submitted, tail in parse_table(text, 7, "squeue")
        for job in jobs_of(number)
        if recognised(job, user, submitted, tail) and state
    }


def _value(text: str) -> str:
    """A field of squeue or sacct, or "" if it holds a placeholder."""
    return "" if text in {"None", "None assigned", "(null)", "N/A"} else text


def prolog_error(nodes: str, cluster: str | None) -> str | None:
    """The reason for which SLURM drains one of these nodes if that is a prolog that failed; None if it is not."""
    try:
        reasons = run(["sinfo", *on_cluster(cluster), "-a", "-h", "-n", nodes, "-o", "%E"]).splitlines()
    except CommandError:
        return None
    return versions.PROLOG_ERROR if versions.PROLOG_ERROR in reasons else None


def _exit_codes(cluster: str | None) -> dict[str, str]:
    """The exit codes that squeue knows, in the form of sacct: `137:0`, or `0:9` for a signal. Empty if it fails."""
    try:
        command = ["squeue", *on_cluster(cluster), "--me", "-a", "-r", "-h", "-t", "all"]
        text = run([*command, "-O", "JobArrayID:|,exit_code:|"])
    except CommandError:
        return {}
    rows = re.findall(r"^([^|\s]+)\s*\|([0-9:]{1,9})\s*\|", text, re.MULTILINE)
    return {job: versions.exit_code(status) for job, status in rows}


def _sacct(jobs: Collection[Job], cluster: str | None) -> dict[Job, JobStatus]:
    """Run sacct and return the newest record of each job that it knows; raises CommandError."""
    since = slurm_time(min((job.created for job in jobs), default=0.0) - _DAY)
    records: dict[Job, JobStatus] = {}
    for ids in _id_arguments(job.id for job in jobs):
        command = ["sacct", *on_cluster(cluster), "-n", "-P", "-D", "-S", since, "-o", _RECORDED, "-j", ids]
        records |= read_sacct(run(command, env=environment() | TIMES), jobs)
    return records


def read_sacct(text: str, jobs: Iterable[Job]) -> dict[Job, JobStatus]:
    """Parse the newest record of each of our jobs; raises CommandError if the output was cut off.

    The row of a job comes before the rows of its steps.
    """
    jobs_of = by_id(jobs)
    records: dict[Job, JobStatus] = {}
    ours: list[Job] = []
    for row, long_state, code, derived, nodes, record in parse_table(text, 6, "sacct"):
        number, _, step = row.partition(".")
        state = long_state.split(" ")[0] or "UNKNOWN"  # "CANCELLED by 1000"
        if not step:
            ours = [job for job in jobs_of(number) if recognised_record(job, record)]
            # A step that was killed for its memory has exit code 0:125 (SIG_OOM, slurm.h).
            state = "OUT_OF_MEMORY" if derived == "0:125" and state == "FAILED" else state
            ended = versions.signal_of_step(code, derived)
            status = JobStatus(state=state, exit_code=ended, nodes=_value(nodes), source="sacct")
            records |= {job: replace(status, named=is_named(job, record)) for job in ours}
        elif state == "OUT_OF_MEMORY":
            records |= {job: replace(records[job], state=state) for job in ours if records[job].state == "FAILED"}
    return records


def _id_arguments(jobs: Iterable[str]) -> Iterator[str]:
    """The ids, joined by commas into arguments of sacct that are not too long."""
    arrays: dict[str, list[str]] = {}
    for job in jobs:
        arrays.setdefault(job.partition("_")[0], []).append(job)
    chunk: list[str] = []
    for array, elements in arrays.items():
        for job in elements if len(elements) <= _MAX_TASK_IDS else [array]:
            chunk.append(job)
            if sum(map(len, chunk)) + len(chunk) > _LONGEST_ARGUMENT:
                yield ",".join(chunk[:-1])
                chunk = [job]
    yield ",".join(chunk)


def find_by_tag(tags: Iterable[str], since: float, cluster: str | None = None) -> dict[str, str]:
    """The array id of each tag that is the name of a job, whoever has submitted it; raises SlurmUnavailable.

    since: when the oldest was submitted, in Unix seconds.
    """
    wanted = set(tags)
    if not wanted:
        return {}
    try:
        names = ",".join(sorted(wanted))
        command = ["squeue", *on_cluster(cluster), "-a", "-h", "-t", "all", "-n", names, "-o", "%F|%j"]
        arrays = {name: array for array, name in parse_table(run(command), 2, "squeue") if name in wanted}
        missing = wanted - arrays.keys()
        if missing and read_limits(cluster).accounting:
            options = ["-a", "-n", "-P", "-X", "-D", "-S", slurm_time(since - _DAY), "-o", "JobID,JobName"]
            command = ["sacct", *on_cluster(cluster), *options, "--name", ",".join(sorted(missing))]
            for job, name in parse_table(run(command), 2, "sacct"):
                if name in missing:
                    arrays[name] = job.partition("_")[0]
    except CommandError as error:
        raise SlurmUnavailable(f"{NO_ANSWER}: {error.message}") from error
    return arrays
