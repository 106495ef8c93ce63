"""Queries SLURM for its configuration and for the state of our jobs.

The answer for a job is a JobStatus, Absent or Unavailable.

squeue is run once and without ids, because an unknown id makes it fail just as a controller that is down does. With
`-t all` it also lists jobs that ended recently (slurm.conf(5), MinJobAge), even without accounting. sacct is run once,
for the jobs that squeue does not list as active; it does not fail for unknown ids.

How the two are combined:

| squeue     | sacct                    | answer |
|---|---|---|
| fails      | not run                  | Unavailable |
| active     | not run                  | squeue's state |
| ended      | ended                    | sacct's state: the states of its steps reveal an out-of-memory kill |
| ended      | anything else            | squeue's state: the controller knows how the job ended, and its exit code |
| not listed | ended                    | sacct's state |
| not listed | active, or not listed    | Absent: sacct's record is late, or a crashed controller forgot the job |
| not listed | fails                    | Unavailable: it may know how the job ended |
| not listed | fails; accounting is off | Absent: squeue answered, and there is no other source |

A job counts as ours only if its name is our tag, since SLURM reuses ids.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from attnctl.jobs.slurm import versions
from attnctl.jobs.slurm.commands import CommandError, SlurmUnavailable, parse_table, run
from attnctl.lifecycle.state import SLURM_STATES
from attnctl.units import slurm_time
from attnctl.values import SpecError

_DAY = 86400.0
_LONGEST_ARGUMENT = 100_000  # bytes; Linux limits one argument to 128 KiB (execve(2), MAX_ARG_STRLEN)
_INTEGER = re.compile(r"[0-9]{1,9}")
_MAX_TASK_IDS = 200  # tasks of one array that are listed one by one; beyond that the id of the array covers them all


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """A job that SLURM knows. state: in the long form, such as `OUT_OF_MEMORY` (squeue(1), JOB STATE CODES)."""

    state: str
    reason: str = ""
    exit_code: str = ""
    nodes: str = ""
    source: str = ""

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
class Unavailable:
    """SLURM did not answer, so nothing is known about the job. reason: the message of its command."""

    reason: str


Answer = JobStatus | Absent | Unavailable


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From the cluster's configuration. max_array: the largest array; gather: JobAcctGatherType."""

    cluster: str
    version: str
    max_array: int
    requeue: bool
    preempt_mode: str
    accounting: bool
    gather: str


def available() -> bool:
    """Whether this machine has sbatch, and so SLURM."""
    return shutil.which("sbatch") is not None


def ping() -> None:
    """Raise SlurmUnavailable if the controller does not answer."""
    try:
        run(["sinfo", "-h", "-o", "%P"])
    except CommandError as error:
        raise SlurmUnavailable(f"SLURM does not answer: {error.message}") from error


def limits() -> Limits:
    """Read the limits from the cluster's configuration; raises SlurmUnavailable."""
    try:
        text = run(["scontrol", "show", "config"])
    except CommandError as error:
        raise SlurmUnavailable(f"SLURM does not answer: {error.message}") from error
    settings = dict(re.findall(r"^(\w+)\s*=[ \t]*(.*?)\s*$", text, re.MULTILINE))
    return Limits(
        cluster=settings.get("ClusterName", ""),
        version=settings.get("SLURM_VERSION", ""),
        # 1001 is SLURM's default (slurm.conf(5), MaxArraySize).
        max_array=int(size) if _INTEGER.fullmatch(size := settings.get("MaxArraySize", "")) else 1001,
        requeue=settings.get("JobRequeue", "1") != "0",
        preempt_mode=settings.get("PreemptMode", "OFF"),
        accounting=settings.get("AccountingStorageType", "(null)") not in {"accounting_storage/none", "(null)", ""},
        gather=settings.get("JobAcctGatherType", ""),
    )


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A partition. time_limit: as SLURM prints it; gpus: the most of any node; default: used if none is named."""

    name: str
    default: bool
    time_limit: str
    gpus: int
    nodes: int


def partitions() -> list[Partition]:
    """The cluster's partitions, each once. Raises SlurmUnavailable."""
    try:
        return read_sinfo(run(["sinfo", "-h", "-o", "%D|%l|%G|%P"]))
    except CommandError as error:
        raise SlurmUnavailable(f"SLURM does not answer: {error.message}") from error


def read_sinfo(text: str) -> list[Partition]:
    """Parse the output of `sinfo -o %D|%l|%G|%P`, which has one row per partition and kind of node.

    Raises CommandError if it was cut off.
    """
    merged: dict[str, Partition] = {}
    for count, limit, gres, name in parse_table(text, 4, "sinfo"):
        if not _INTEGER.fullmatch(count):
            continue
        gpus = sum(map(int, re.findall(r"\bgpu:(?:[^:,(]+:)?([0-9]{1,9})\b", gres)))
        row = Partition(
            name=name.rstrip("*"), default=name.endswith("*"), time_limit=limit, gpus=gpus, nodes=int(count)
        )
        other = merged.get(row.name)
        merged[row.name] = (
            row if other is None else replace(other, gpus=max(other.gpus, gpus), nodes=other.nodes + row.nodes)
        )
    return list(merged.values())


def default_gpus(partition: str | None) -> int:
    """1 if nodes of the partition (None: the default one) have GPUs, else 0; raises SlurmUnavailable."""
    rows = [row for row in partitions() if (row.name in partition.split(",") if partition else row.default)]
    return int(any(row.gpus for row in rows))


# ------------------------------------------------------------------------------------------------------------- jobs


def query(jobs: Mapping[str, str], since: float) -> dict[str, Answer]:
    """The answer for each job. jobs: job id to its tag (the job's name); since: when the oldest was submitted."""
    if not jobs:
        return {}
    try:
        queue = squeue(jobs)
    except CommandError as error:
        return dict.fromkeys(jobs, Unavailable(error.message))
    ended = [job for job in jobs if job not in queue or not queue[job].active]
    answers: dict[str, Answer] = {job: row for job, row in queue.items() if row.active}
    if not ended:
        return answers
    try:
        records, failure = _sacct({job: jobs[job] for job in ended}, since), None
    except CommandError as error:
        records, failure = {}, error.message
    missing: Answer = Absent("sacct") if failure is None else _without_sacct(failure)
    for job in ended:
        record = records.get(job)
        answers[job] = record if record is not None and not record.active else queue.get(job, missing)
    unexplained = [job for job in ended if job in queue and queue[job].state == "FAILED" and answers[job] is queue[job]]
    codes = _exit_codes() if unexplained else {}
    return answers | {job: replace(queue[job], exit_code=codes.get(job, "")) for job in unexplained}


def _without_sacct(failure: str) -> Answer:
    """The answer for a job that squeue does not list when sacct failed."""
    try:
        return Unavailable(failure) if limits().accounting else Absent("squeue")
    except SpecError:
        return Unavailable(failure)


def squeue(jobs: Mapping[str, str]) -> dict[str, JobStatus]:
    """Run squeue and return the status of those jobs that it lists. jobs: job id to tag. Raises CommandError."""
    return read_squeue(run(["squeue", "--me", "-r", "-h", "-t", "all", "-o", "%i|%T|%N|%r|%j"]), jobs)


def read_squeue(text: str, jobs: Mapping[str, str]) -> dict[str, JobStatus]:
    """Parse the rows of our jobs; raises CommandError if the output was cut off."""
    return {
        job: JobStatus(state=state, reason=_value(reason), nodes=_value(nodes), source="squeue")
        for job, state, nodes, reason, name in parse_table(text, 5, "squeue")
        if jobs.get(job) == name and state
    }


def _value(text: str) -> str:
    """A field of squeue or sacct, or "" if it holds a placeholder."""
    return "" if text in {"None", "None assigned", "(null)", "N/A"} else text


def _exit_codes() -> dict[str, str]:
    """The exit codes that squeue knows, in the form of sacct: `137:0`, or `0:9` for a signal. Empty if it fails."""
    try:
        text = run(["squeue", "--me", "-r", "-h", "-t", "all", "-O", "JobArrayID:|,exit_code:|"])
    except CommandError:
        return {}
    rows = re.findall(r"^([^|\s]+)\s*\|([0-9:]{1,9})\s*\|", text, re.MULTILINE)
    return {job: versions.exit_code(status) for job, status in rows}


def _sacct(jobs: Mapping[str, str], since: float) -> dict[str, JobStatus]:
    start = slurm_time(since - _DAY)
    fields = "JobID,State,ExitCode,DerivedExitCode,NodeList,JobName"
    records: dict[str, JobStatus] = {}
    for ids in _id_arguments(jobs):
        records |= read_sacct(run(["sacct", "-n", "-P", "-D", "-S", start, "-o", fields, "-j", ids]), jobs)
    return records


def read_sacct(text: str, jobs: Mapping[str, str]) -> dict[str, JobStatus]:
    """Parse the newest record of each of our jobs; raises CommandError if the output was cut off.

    The row of a job comes before the rows of its steps.
    """
    records: dict[str, JobStatus] = {}
    ours = False
    for row, long_state, code, derived, nodes, name in parse_table(text, 6, "sacct"):
        job, _, step = row.partition(".")
        state = long_state.split(" ")[0] or "UNKNOWN"  # "CANCELLED by 1000"
        if not step:
            ours = jobs.get(job) == name
            if ours:
                # A step that was killed for its memory has exit code 0:125 (SIG_OOM, slurm.h).
                state = "OUT_OF_MEMORY" if derived == "0:125" and state == "FAILED" else state
                ended = versions.signal_of_step(code, derived)
                records[job] = JobStatus(state=state, exit_code=ended, nodes=_value(nodes), source="sacct")
        elif ours and state == "OUT_OF_MEMORY" and records[job].state == "FAILED":
            records[job] = replace(records[job], state=state)
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


def find_by_tag(tags: Iterable[str], since: float) -> dict[str, str]:
    """The array id of each tag that is the name of a job; raises SlurmUnavailable.

    since: when the oldest was submitted, in Unix seconds.
    """
    wanted = set(tags)
    try:
        queue = parse_table(run(["squeue", "--me", "-h", "-t", "all", "-o", "%F|%j"]), 2, "squeue")
        arrays = {name: array for array, name in queue if name in wanted}
        missing = wanted - arrays.keys()
        if missing and limits().accounting:
            start = slurm_time(since - _DAY)
            names = ",".join(sorted(missing))
            command = ["sacct", "-n", "-P", "-X", "-D", "-S", start, "-o", "JobID,JobName", "--name", names]
            for job, name in parse_table(run(command), 2, "sacct"):
                if name in missing:
                    arrays[name] = job.partition("_")[0]
    except CommandError as error:
        raise SlurmUnavailable(f"SLURM does not answer: {error.message}") from error
    return arrays
