"""The record types of a workspace: JSON files that jobs and commands write. Times are Unix seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from attnctl.files import is_file_name
from attnctl.values import Scalar
from attnctl.workspace import untrusted_json
from attnctl.workspace.untrusted_json import RecordError as RecordError

Device = Literal["auto", "cpu", "cuda"]
Where = Literal["slurm", "local"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """A JSON file of the workspace. Unknown fields are ignored, so that older releases can read newer files."""

    def encode(self) -> bytes:
        """The record as one line of JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True).encode() + b"\n"

    def file_names(self) -> Iterable[str]:
        """The texts in it that become names of files or folders."""
        return ()

    @classmethod
    def decode(cls, data: bytes | str, source: object = "record") -> Self:
        """The record that `encode` wrote; raises RecordError naming `source`, also for a name that leads elsewhere."""
        try:
            record = untrusted_json.decode(cls, untrusted_json.loads_object(data))
            for name in record.file_names():
                if not is_file_name(name):
                    raise ValueError(f"{name!r:.80} cannot be the name of a file")
            return record
        except ValueError as error:
            raise RecordError(f"{source} is not a {cls.__name__} record: {error}") from error

    @classmethod
    def read(cls, path: Path | str) -> Self | None:
        """The record in `path`; None when the file does not exist. Raises RecordError."""
        data = untrusted_json.content(path)
        return cls.decode(data, path) if data is not None else None


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The machine resources of one attempt; not part of a run's identity."""

    nodes: int = 1
    tasks_per_node: int = 1
    gpus_per_node: int = 0
    cpus_per_task: int = 1
    minutes: int | None = None
    """The time limit in minutes."""
    device: Device = "auto"
    """auto: GPUs if requested (an error if torch sees none), else the CPU."""

    @property
    def world(self) -> int:
        """Number of processes of the run: one per GPU, or one per task on nodes without GPUs."""
        return self.nodes * self.tasks_per_node


@dataclass(frozen=True, kw_only=True)
class Request(Record):
    """The reservation of one attempt of a run by one command; `nonce` identifies the command."""

    tag: str
    created: float
    host: str
    pid: int
    user: str
    nonce: str
    where: Where
    resources: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further sbatch options: partition, mem ... (`attnctl.settings.config.SlurmOptions.to_record`)."""
    checkpoints: str = ""
    """The folder that [paths] named for the checkpoints of all runs, relative to the workspace if inside it."""
    base: str = ""
    """The run whose job this one waits for, because it starts from that run's weights."""

    def file_names(self) -> Iterable[str]:
        """Its submission's tag, and the run that it waits for."""
        return [self.tag, self.base] if self.base else [self.tag]


@dataclass(frozen=True, kw_only=True)
class WaitingRun(Record):
    """A run that is still to be submitted, and with what; deleted once SLURM has its job.

    after: the number of the run's newest attempt when it was put here; 0 for a new run
    ended: that attempt counts as ended, whatever the scheduler says: its own job put the run here
    tag: names the settings; settings: their digest; order: its place among the runs that were put here together
    resources, options: as in Request; code: the digest of the code that it is to run, if known
    base: the run whose weights it starts from, if it waits for that run and not for a place
    reason: why it was not submitted
    cancelled_by: the user who cancelled it, at cancelled_at
    """

    run: str
    after: int
    ended: bool = False
    tag: str
    settings: str = ""
    order: int = 0
    created: float
    host: str
    user: str
    resources: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    base: str = ""
    reason: str = ""
    cancelled_by: str = ""
    cancelled_at: float = 0.0

    def file_names(self) -> Iterable[str]:
        """Its run, the tag of its settings, and the run that it waits for."""
        return [self.run, self.tag, *([self.base] if self.base else [])]

    def request(self) -> Request:
        """The same as the request of an attempt."""
        return Request(
            tag=self.tag,
            created=self.created,
            host=self.host,
            pid=0,
            user=self.user,
            nonce="",
            where="slurm",
            resources=self.resources,
            options=self.options,
            base=self.base,
        )


@dataclass(frozen=True, kw_only=True)
class Submission(Record):
    """One job array, or one batch of local runs: written durably before sbatch; `job_id` is added afterwards.

    tasks: [run id, attempt number] of each run, in order; each is an array task unless runs share jobs. script: the
    sbatch script, empty for local runs.
    owner: the login name of its user. folder: where the command was called.
    """

    tag: str
    created: float
    where: Where
    host: str
    pid: int
    tasks: list[list[Any]]
    specs: dict[str, Any]
    script: str = ""
    job_id: str | None = None
    cluster: str | None = None
    failed: str | None = None
    """The scheduler's error message, if it refused the array."""
    owner: str = ""
    folder: str = ""
    runs_per_job: int = 0
    """The number of tasks that share an element of the array; 0 if each has one of its own."""

    def __post_init__(self) -> None:
        if self.runs_per_job < 0:
            raise ValueError(f"runs_per_job is {self.runs_per_job}")
        if not all(len(task) == 2 and isinstance(task[0], str) and type(task[1]) is int for task in self.tasks):
            raise ValueError("its tasks are not pairs of a run and an attempt")

    def file_names(self) -> Iterable[str]:
        """Its tag and its runs."""
        return [self.tag, *self.specs, *(task[0] for task in self.tasks)]


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a sweep searches, instead of training a grid.

    method: how samples are chosen. samples: of each compared module. seed: of the samples, not of the trainings.
    ranges: what varies, such as `lr` or `ela.kernel`, as it was typed. halving: at each rung one in so many samples
    stays; 0: all of them are trained in full. asynchronous: rungs do not wait for each other
    """

    method: str
    samples: int
    seed: int
    ranges: Mapping[str, str]
    halving: int = 0
    asynchronous: bool = False

    @property
    def has_rounds(self) -> bool:
        """Whether later trainings depend on the results of earlier ones."""
        return self.method == "bayes" or self.halving > 0

    @property
    def rungs(self) -> tuple[tuple[int, int], ...]:
        """The samples of each rung, and by what their training is divided: with 27 and 3 (27, 9), (9, 3), (3, 1)."""
        found = [(self.samples, 1)]
        while self.halving > 1 and found[-1][0] >= self.halving**2:
            found.append((math.ceil(found[-1][0] / self.halving), 1))
        return tuple(
            (count, self.halving**rung) for (count, _), rung in zip(found, range(len(found))[::-1], strict=True)
        )

    def promoted(self, rung: int, size: int, ended: int) -> int:
        """How many samples of a rung may be in the next one, when `ended` of its `size` have ended.

        It depends on these numbers alone, so that in the end each module has had as many as every other.
        """
        whole = min(size, self.rungs[rung + 1][0])
        if ended >= size:
            return whole
        return min(whole, ended // self.halving) if self.asynchronous else 0

    @property
    def trainings(self) -> int:
        """Of each module, over all rungs."""
        return sum(count for count, _ in self.rungs)

    def united(self, other: Search) -> Search:
        """The search that has the samples and the ranges of both."""
        ranges = {**self.ranges, **other.ranges}
        return dataclasses.replace(self, samples=max(self.samples, other.samples), ranges=ranges)


@dataclass(frozen=True, kw_only=True)
class Sweep(Record):
    """A named set of runs from one command.

    paper: for a paper's table or figure, its name, or its file (relative to the workspace if inside it)
    table, figure: the number of the table or of the figure
    overrides: settings that differ from the paper's, as `attnctl.papers.runs.Overrides.to_json` writes them
    search: None: it is not a search
    """

    name: str
    created: float
    command: list[str]
    runs: list[str]
    paper: str = ""
    table: str = ""
    figure: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    search: Search | None = None

    def file_names(self) -> Iterable[str]:
        """Its name and its runs."""
        return [self.name, *self.runs]


@dataclass(frozen=True, kw_only=True)
class Notice(Record):
    """The end of a sweep was announced, by one process. failed: the error message if that did not work."""

    sweep: str
    at: float
    host: str
    pid: int
    summary: str
    failed: str = ""


@dataclass(frozen=True, kw_only=True)
class Cancel(Record):
    """Our request to cancel an attempt. accepted: SLURM took it, so a job that it no longer knows was cancelled."""

    at: float
    user: str
    host: str
    accepted: bool = True


_USUAL_REASONS = {"", "Priority", "Resources", "BeginTime", "JobArrayTaskLimit", "Cleaning"}
"""Why SLURM lets a job wait that needs nothing but time."""


@dataclass(frozen=True, kw_only=True)
class Observed(Record):
    """A report of the scheduler about an attempt.

    word: a SLURM state; ABSENT when it does not know the job; UNSEEN when it contradicts itself
    """

    at: float
    job_id: str
    word: str
    reason: str = ""
    exit_code: str = ""
    nodes: str = ""
    source: str = ""
    """squeue, sacct, local, or step: the job that trains several runs has seen this run's step start or end."""
    logged: int | None = None
    """With ABSENT and UNSEEN on SLURM: the bytes that the attempt's event logs had. If they grow later, it runs."""

    @property
    def essence(self) -> str:
        """What is worth a new report when it changes: the state, the nodes, and the reason unless it is a usual one."""
        return json.dumps([self.word, self.nodes, "" if self.reason in _USUAL_REASONS else self.reason])


@dataclass(frozen=True, kw_only=True)
class Exit(Record):
    """How one rank of one incarnation ended. `outcome` is a key of `attnctl.lifecycle.state.OUTCOMES`."""

    rank: int
    at: float
    outcome: str
    message: str = ""
    traceback: str = ""
    step: int = 0
    host: str = ""
    secondary: bool = False
    """It failed because another rank had ended, so it is not the cause."""
    requeued: bool = False
    """It requested that SLURM requeue the job; until that happens, the run counts as queued."""
    started: float = 0.0
    """When its process started; 0 if unknown."""
    max_rss: int = 0
    """Peak resident memory in bytes; 0 if unknown."""
    max_gpu: int = 0
    """Peak GPU memory in bytes; 0 without a GPU."""
    used: Mapping[str, float] = field(default_factory=dict)
    """The values of `attnctl.jobs.runtime.usage.UsageRecorder`, such as gpu_busy, that are known."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """The others, each with the reason why it could not be read."""


@dataclass(frozen=True)
class Event:
    """The kinds of line in events.jsonl; each line is an object with `kind`, `t` (Unix seconds) and these keys.

    model: params, macs (exact, of one sample), steps_per_epoch, steps, world, device, threads
    progress: step, loss, images_per_s; waited (part of the time in which rank 0 waited for data, from 0 to 1), cores
        (that rank 0 kept busy); used {name: number} if rank 0 has a GPU or the counter of its CPUs can be read: as in
        its exit record, up to now
    metrics: step, epoch, values {name: number}: train_loss, train_top1, loss, top1, top5, lr, images_per_s; accuracies
        in percent; other tasks have ap, mask_ap, map, miou ... instead; epochs without evaluation only training values
    checkpoint: step, seconds, bytes
    resumed: step, path; end: outcome
    restarted: lost, the step of a checkpoint that is gone, so that the run starts over
    initialised: source, loaded (a count), missing, unexpected, reshaped (lists of names)
    """

    MODEL: ClassVar = "model"
    PROGRESS: ClassVar = "progress"
    METRICS: ClassVar = "metrics"
    CHECKPOINT: ClassVar = "checkpoint"
    RESUMED: ClassVar = "resumed"
    RESTARTED: ClassVar = "restarted"
    INITIALISED: ClassVar = "initialised"
    END: ClassVar = "end"


@dataclass(frozen=True, kw_only=True)
class Speed(Record):
    """A measurement of `attnctl bench`: seconds per forward of `batch` images, for a network and its plain backbone.

    hyperparameters, model: as in the run's spec. spread: half the interquartile range of `seconds`. launch: on a GPU,
    how kernels were launched; eager is by Python, one by one. Empty on a CPU.
    """

    at: float
    device: str
    module: str
    hyperparameters: Mapping[str, Scalar]
    backbone: str
    placement: str
    dataset: str
    input_size: int
    batch: int
    precision: str
    compiled: bool
    seconds: float
    spread: float
    plain_seconds: float
    model: str = ""
    launch: str = ""

    @property
    def network(self) -> tuple[object, ...]:
        """The key of the measured network; equal for all runs of that network."""
        settings, model = tuple(sorted(self.hyperparameters.items())), (self.model,) if self.model else ()
        return self.module, settings, self.backbone, self.placement, self.dataset, self.input_size, *model

    @property
    def conditions(self) -> tuple[str, int, str, bool, str]:
        """The conditions of the measurement; only equal ones are comparable."""
        return self.device, self.batch, self.precision, self.compiled, self.launch


@dataclass(frozen=True, kw_only=True)
class Trial(Record):
    """The speed that `attnctl try` measured in a few training steps of a run.

    spec: the run's, as `RunSpec.to_json` writes it. host: the machine. evaluation_images_per_s: None if not measured
    """

    at: float
    spec: Mapping[str, Any]
    host: str
    device: str
    threads: int
    world: int
    images_per_s: float
    evaluation_images_per_s: float | None = None
    macs: int | None = None

    def __post_init__(self) -> None:
        if not (self.images_per_s > 0 and (self.evaluation_images_per_s or 1) > 0):
            raise ValueError("its speed is not positive")


@dataclass(frozen=True, kw_only=True)
class Imported(Record):
    """A row of numbers measured or published elsewhere, imported by `attnctl import`.

    table, row: a row of a paper's table, such as ean:2 and the row's name
    label, backbone, dataset: its place in a comparison otherwise; backbone has the model in front, if any
    values: by the column's key for a table, else by metric (top1, top5, params, macs, fps ...);
        accuracies (never errors) in percent, counts in units
    source: where it is from, in the user's words, or the file's name
    """

    source: str
    values: Mapping[str, float]
    table: str = ""
    row: str = ""
    label: str = ""
    backbone: str = ""
    dataset: str = ""
    placement: str = ""
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class ImportedFile(Record):
    """The content of one `attnctl import`. file: its name; records: `Imported` records as JSON objects."""

    file: str
    at: float
    user: str
    records: list[dict[str, Any]]

    def __post_init__(self) -> None:
        _ = self.id  # raises ValueError for a number that JSON does not have

    @property
    def id(self) -> str:
        """The hash of its records, independent of the file's name and the time of the import."""
        text = json.dumps(self.records, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def imported(self) -> list[Imported]:
        """The decoded records; raises RecordError."""
        return [Imported.decode(json.dumps(record), f"a record of {self.file}") for record in self.records]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An attempt as submitted to a scheduler: what is needed to query or cancel it."""

    run: str
    attempt: int
    tag: str
    where: Where
    job_id: str | None
    """`<array>_<task>` on SLURM, `<host>:<pid>` of the local supervisor; None until recorded."""
    created: float
    observed: str | None = None
    """The `essence` of the last report of the scheduler; None if only the attempt's folder tells it."""


def read_events(data: bytes) -> Iterator[dict[str, Any]]:
    """The events in a piece of events.jsonl; incomplete or invalid lines (of a killed writer) are skipped."""
    for line in data.splitlines():
        with contextlib.suppress(ValueError):
            event = untrusted_json.loads(line)
            if isinstance(event, dict) and isinstance(event.get("kind"), str):
                yield event


def user_name() -> str:
    """The login name of the user, or the user id if it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
