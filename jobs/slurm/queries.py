"""What SLURM says: of itself, and of our jobs. An answer is typed: Known, Absent or Unavailable.

squeue is asked once, without ids: given an id that it does not know it fails just as when the controller is down.
With `-t all` it also tells of jobs that ended a short while ago (MinJobAge), whatever the accounting. sacct is asked
once, for the jobs that squeue does not show as active; an id that it does not know is no error there.

What follows from which answer:

| squeue     | sacct                   | answer |
|---|---|---|
| fails      | not asked               | Unavailable |
| active     | not asked               | squeue's word |
| ended      | ended                   | sacct's word: its steps tell of a lack of memory |
| ended      | anything else           | squeue's word: the controller itself knows the end and the exit code |
| not there  | ended                   | sacct's word |
| not there  | active, or not there    | Absent: sacct's record lags, or is of a job that a crashed controller forgot |
| not there  | fails                   | Unavailable, for it may know the end |
| not there  | fails; accounting is off | Absent: nobody will ever know more than squeue, which answered |

A job counts as ours only if its name is our tag, since SLURM uses ids again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from attnctl.jobs.slurm.commands import CommandError, SlurmUnavailable, run, table
from attnctl.lifecycle.state import SLURM_STATES
from attnctl.units import slurm_time
from attnctl.values import SpecError

_DAY = 86400.0
_LONGEST_ARGUMENT = 100_000  # bytes; Linux refuses one of 128 KiB
_WHOLE = re.compile(r"[0-9]{1,9}")
_ELEMENTS = 200  # of one array asked for singly; for more, the whole array is one id


@dataclass(frozen=True, kw_only=True)
class Known:
    """SLURM knows the job. word: its state in the long form, such as `OUT_OF_MEMORY`."""

    word: str
    reason: str = ""
    exit_code: str = ""
    nodes: str = ""
    source: str = ""

    @property
    def active(self) -> bool:
        """It has not ended; a state that we do not know is taken for one of these."""
        state = SLURM_STATES.get(self.word)
        return state is None or state.active


@dataclass(frozen=True)
class Absent:
    """SLURM answered, and knows no such job."""

    source: str


@dataclass(frozen=True)
class Unavailable:
    """SLURM did not answer, so nothing is known and nothing may change."""

    words: str


Answer = Known | Absent | Unavailable


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the cluster's configuration says. max_array: elements of one array."""

    cluster: str
    version: str
    max_array: int
    requeue: bool
    preempt_mode: str
    accounting: bool
    gather: str


def available() -> bool:
    """Whether this machine has sbatch."""
    return shutil.which("sbatch") is not None


def ping() -> None:
    """Raise SlurmUnavailable unless the controller answers."""
    try:
        run(["sinfo", "-h", "-o", "%P"])
    except CommandError as error:
        raise SlurmUnavailable(f"SLURM does not answer: {error.words}") from error


def limits() -> Limits:
    """The cluster's own limits; raises SlurmUnavailable."""
    try:
        text = run(["scontrol", "show", "config"])
    except CommandError as error:
        raise SlurmUnavailable(f"SLURM does not answer: {error.words}") from error
    found = dict(re.findall(r"^(\w+)\s*=[ \t]*(.*?)\s*$", text, re.MULTILINE))
    return Limits(
        cluster=found.get("ClusterName", ""),
        version=found.get("SLURM_VERSION", ""),
        max_array=int(size) if _WHOLE.fullmatch(size := found.get("MaxArraySize", "")) else 1001,
        requeue=found.get("JobRequeue", "1") != "0",
        preempt_mode=found.get("PreemptMode", "OFF"),
        accounting=found.get("AccountingStorageType", "(null)") not in {"accounting_storage/none", "(null)", ""},
        gather=found.get("JobAcctGatherType", ""),
    )


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One partition. time_limit: SLURM's own form; gpus: of the node that has most; default: when none is named."""

    name: str
    default: bool
    time_limit: str
    gpus: int
    nodes: int


def partitions() -> list[Partition]:
    """The partitions; one whose nodes differ is told of once. Raises SlurmUnavailable."""
    try:
        return read_sinfo(run(["sinfo", "-h", "-o", "%D|%l|%G|%P"]))
    except CommandError as error:
        raise SlurmUnavailable(f"SLURM does not answer: {error.words}") from error


def read_sinfo(text: str) -> list[Partition]:
    """The partitions of `sinfo -o %D|%l|%G|%P`; raises CommandError for output that was cut off."""
    merged: dict[str, Partition] = {}
    for count, limit, gres, name in table(text, 4, "sinfo"):
        if not _WHOLE.fullmatch(count):
            continue
        gpus = sum(map(int, re.findall(r"\bgpu:(?:[^:,(]+:)?([0-9]{1,9})\b", gres)))
        row = Partition(
            name=name.rstrip("*"), default=name.endswith("*"), time_limit=limit, gpus=gpus, nodes=int(count)
        )
        known = merged.get(row.name)
        merged[row.name] = (
            replace(known, gpus=max(known.gpus, gpus), nodes=known.nodes + row.nodes) if known is not None else row
        )
    return list(merged.values())


def default_gpus(partition: str | None) -> int:
    """1 when the nodes of the partition (None: the default one) advertise GPUs, else 0; raises SlurmUnavailable."""
    chosen = [row for row in partitions() if (row.name in partition.split(",") if partition else row.default)]
    return int(any(row.gpus for row in chosen))


# ------------------------------------------------------------------------------------------------------------- jobs


def query(jobs: Mapping[str, str], since: float) -> dict[str, Answer]:
    """What SLURM says of each job. jobs: job id to its tag (its name); since: when the oldest was submitted."""
    if not jobs:
        return {}
    try:
        queue = squeue(jobs)
    except CommandError as error:
        return dict.fromkeys(jobs, Unavailable(error.words))
    ended = [job for job in jobs if job not in queue or not queue[job].active]
    answers: dict[str, Answer] = {job: row for job, row in queue.items() if row.active}
    if not ended:
        return answers
    try:
        records, silent = _sacct({job: jobs[job] for job in ended}, since), None
    except CommandError as error:
        records, silent = {}, error.words
    missing: Answer = Absent("sacct") if silent is None else _without_accounting(silent)
    for job in ended:
        record = records.get(job)
        answers[job] = record if record is not None and not record.active else queue.get(job, missing)
    unexplained = [job for job in ended if job in queue and queue[job].word == "FAILED" and answers[job] is queue[job]]
    codes = _exit_codes() if unexplained else {}
    return answers | {job: replace(queue[job], exit_code=codes.get(job, "")) for job in unexplained}


def _without_accounting(words: str) -> Answer:
    """The answer of a job that squeue does not show, when sacct failed."""
    try:
        return Unavailable(words) if limits().accounting else Absent("squeue")
    except SpecError:
        return Unavailable(words)


def squeue(jobs: Mapping[str, str]) -> dict[str, Known]:
    """What squeue shows of these jobs, job id to tag; raises CommandError."""
    return read_squeue(run(["squeue", "--me", "-r", "-h", "-t", "all", "-o", "%i|%T|%N|%r|%j"]), jobs)


def read_squeue(text: str, jobs: Mapping[str, str]) -> dict[str, Known]:
    """The rows of our jobs; raises CommandError for output that was cut off."""
    return {
        job: Known(word=word, reason=_stated(reason), nodes=_stated(nodes), source="squeue")
        for job, word, nodes, reason, name in table(text, 5, "squeue")
        if jobs.get(job) == name and word
    }


def _stated(text: str) -> str:
    """A field of squeue or sacct; empty when it only says that there is nothing to tell."""
    return "" if text in {"None", "None assigned", "(null)", "N/A"} else text


def _exit_codes() -> dict[str, str]:
    """The exit codes that squeue knows, as sacct writes them: `137:0`, or `0:9` for a signal; none when it fails."""
    try:
        text = run(["squeue", "--me", "-r", "-h", "-t", "all", "-O", "JobArrayID:|,exit_code:|"])
    except CommandError:
        return {}
    found = {}
    for job, status in re.findall(r"^([^|\s]+)\s*\|([0-9]{1,9})\s*\|", text, re.MULTILINE):
        code, signal = divmod(int(status), 256)  # as wait(2) gives it
        found[job] = f"{code}:{signal & 127}"
    return found


def _sacct(jobs: Mapping[str, str], since: float) -> dict[str, Known]:
    start = slurm_time(since - _DAY)
    fields = "JobID,State,ExitCode,DerivedExitCode,NodeList,JobName"
    found: dict[str, Known] = {}
    for ids in _chunks(jobs):
        found |= read_sacct(run(["sacct", "-n", "-P", "-D", "-S", start, "-o", fields, "-j", ids]), jobs)
    return found


def read_sacct(text: str, jobs: Mapping[str, str]) -> dict[str, Known]:
    """The newest record of each of our jobs. A job's row comes before the rows of its steps. Raises CommandError."""
    found: dict[str, Known] = {}
    ours = False
    for row, state, code, derived, nodes, name in table(text, 6, "sacct"):
        job, _, step = row.partition(".")
        word = state.split(" ")[0] or "UNKNOWN"  # "CANCELLED by 1000"
        if not step:
            ours = jobs.get(job) == name
            if ours:
                word = "OUT_OF_MEMORY" if derived == "0:125" and word == "FAILED" else word
                found[job] = Known(word=word, exit_code=code, nodes=_stated(nodes), source="sacct")
        elif ours and word == "OUT_OF_MEMORY" and found[job].word == "FAILED":
            found[job] = replace(found[job], word=word)
    return found


def _chunks(jobs: Iterable[str]) -> Iterator[str]:
    """The ids as arguments of sacct, each as long as an argument may be."""
    arrays: dict[str, list[str]] = {}
    for job in jobs:
        arrays.setdefault(job.partition("_")[0], []).append(job)
    chunk: list[str] = []
    for array, elements in arrays.items():
        for job in elements if len(elements) <= _ELEMENTS else [array]:
            chunk.append(job)
            if sum(map(len, chunk)) + len(chunk) > _LONGEST_ARGUMENT:
                yield ",".join(chunk[:-1])
                chunk = [job]
    yield ",".join(chunk)


def find_by_tag(tags: Iterable[str], since: float) -> dict[str, str]:
    """The array id of each tag that SLURM knows as a job's name; raises SlurmUnavailable if it could not be asked."""
    wanted = set(tags)
    try:
        queue = table(run(["squeue", "--me", "-h", "-t", "all", "-o", "%F|%j"]), 2, "squeue")
        found = {name: array for array, name in queue if name in wanted}
        left = wanted - found.keys()
        if left and limits().accounting:
            start = slurm_time(since - _DAY)
            names = ",".join(sorted(left))
            command = ["sacct", "-n", "-P", "-X", "-D", "-S", start, "-o", "JobID,JobName", "--name", names]
            for job, name in table(run(command), 2, "sacct"):
                if name in left:
                    found[name] = job.partition("_")[0]
    except CommandError as error:
        raise SlurmUnavailable(f"SLURM does not answer: {error.words}") from error
    return found
