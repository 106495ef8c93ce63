"""The types of the records in a workspace: what jobs and commands write down, as JSON. Times are Unix seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from attnctl.workspace import untrusted_json
from attnctl.workspace.untrusted_json import RecordError as RecordError

Where = Literal["slurm", "local"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """A JSON file of the workspace. Fields that a newer release wrote are ignored, so that old readers go on."""

    def encode(self) -> bytes:
        """The record as one line of JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes | str, source: object = "record") -> Self:
        """The record that `encode` gave; raises RecordError naming `source`."""
        try:
            return cls(**untrusted_json.values(cls, untrusted_json.loads_object(data)))
        except (ValueError, TypeError) as error:
            raise RecordError(f"{source} is not a {cls.__name__} record: {error}") from error

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record in `path`, or None when there is none; raises RecordError."""
        data = untrusted_json.content(path)
        return cls.decode(data, path) if data is not None else None


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one attempt asks of the machine; no part of a run's identity."""

    nodes: int = 1
    tasks_per_node: int = 1
    gpus_per_node: int = 0
    cpus_per_task: int = 1
    minutes: int | None = None
    """The time limit."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: GPUs when they were asked for, and an error when torch then sees none; else the CPU."""

    @property
    def world(self) -> int:
        """Processes of the run: one per GPU, or one per task on nodes without GPUs."""
        return self.nodes * self.tasks_per_node


@dataclass(frozen=True, kw_only=True)
class Request(Record):
    """The reservation of attempt `n` of a run by one command; `nonce` tells its maker from another's."""

    tag: str
    created: float
    host: str
    pid: int
    user: str
    nonce: str
    where: Where
    resources: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """What SLURM was asked for beside them: partition, mem ... (`attnctl.settings.config.SlurmOptions.kept`)."""


@dataclass(frozen=True, kw_only=True)
class Submission(Record):
    """One job array (or one batch of runs here): the intent, durable before sbatch; `job_id` is added after it.

    tasks: [run id, attempt number] of each array task, in order. script: the sbatch text, empty when run here.
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
    """The scheduler's own words, when it refused the array."""

    def __post_init__(self) -> None:
        if not all(len(task) == 2 and isinstance(task[0], str) and type(task[1]) is int for task in self.tasks):
            raise ValueError("its tasks are not pairs of a run and an attempt")


@dataclass(frozen=True, kw_only=True)
class Sweep(Record):
    """A named set of runs that one command asked for.

    paper, table: of a paper's table, the paper (a name, or its file, relative to the workspace when it lies in it) and
    the table's number; figure: a figure's number, instead of a table's. overrides: what was asked for instead of what
    the paper has, as `attnctl.papers.runs.Overrides.to_json` gives it.
    """

    name: str
    created: float
    command: list[str]
    runs: list[str]
    paper: str = ""
    table: str = ""
    figure: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Notice(Record):
    """The end of a sweep was told by one process. failed: what went wrong in the telling, in words."""

    sweep: str
    at: float
    host: str
    pid: int
    summary: str
    failed: str = ""


@dataclass(frozen=True, kw_only=True)
class Cancel(Record):
    """We asked for the end of an attempt."""

    at: float
    user: str
    host: str


@dataclass(frozen=True, kw_only=True)
class Observed(Record):
    """What the scheduler said of an attempt: a SLURM state, or ABSENT when it knows no such job."""

    at: float
    job_id: str
    word: str
    reason: str = ""
    exit_code: str = ""
    nodes: str = ""
    source: str = ""
    """squeue, sacct, or here."""


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
    """Another rank's end made this one fail: blamed last."""
    requeued: bool = False
    """It asked SLURM to start the same job again: until that is done, the job waits."""
    started: float = 0.0
    """When its process began; 0 when that is not known."""
    max_rss: int = 0
    """The most memory it held, in bytes; 0 when that is not known."""
    max_gpu: int = 0
    """The most memory of its GPU that it held, in bytes; 0 without a GPU."""


@dataclass(frozen=True)
class Event:
    """The kinds of line in events.jsonl; each line is an object with `kind`, `t` (Unix seconds) and these keys.

    model: params, macs (exact, of one sample), steps_per_epoch, steps, world, device, threads
    progress: step, loss, images_per_s
    metrics: step, epoch, values {name: number}: train_loss, train_top1, loss, top1, top5, lr, images_per_s; in percent;
        of other tasks their own instead, such as ap, mask_ap, map or miou; of an epoch without evaluation the rest
    checkpoint: step, seconds, bytes
    resumed: step, path; end: outcome
    initialised: source, loaded, missing, unexpected, reshaped (lists of names but loaded, a count)
    """

    MODEL: ClassVar = "model"
    PROGRESS: ClassVar = "progress"
    METRICS: ClassVar = "metrics"
    CHECKPOINT: ClassVar = "checkpoint"
    RESUMED: ClassVar = "resumed"
    INITIALISED: ClassVar = "initialised"
    END: ClassVar = "end"


@dataclass(frozen=True, kw_only=True)
class Speed(Record):
    """What `attnctl bench` measured of one network: seconds of a forward of `batch` images, beside the plain backbone.

    hyperparameters, model: as the run's spec has them. spread, of `seconds`: half the distance between the quartiles.
    """

    at: float
    device: str
    module: str
    hyperparameters: Mapping[str, Any]
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

    @property
    def network(self) -> tuple[object, ...]:
        """What was measured: equal for the runs whose network it is."""
        settings, around = tuple(sorted(self.hyperparameters.items())), (self.model,) if self.model else ()
        return self.module, settings, self.backbone, self.placement, self.dataset, self.input_size, *around

    @property
    def conditions(self) -> tuple[str, int, str, bool]:
        """How: figures compare only under the same."""
        return self.device, self.batch, self.precision, self.compiled


@dataclass(frozen=True, kw_only=True)
class Imported(Record):
    """A number that was measured or published elsewhere, as `attnctl import` took it in.

    table, row: a cell of a paper's table, such as ean:2 and the row's name; or else label, backbone (after the model
    around it, if any) and dataset say where it belongs in a comparison. values: of a table by the column's key, else by
    metric (top1, top5, params, macs, fps ...); always in the metric's own units: accuracies, never errors, in percent,
    and counts in ones. source: where it is from, in the user's words, or the file's name.
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
    """What one `attnctl import` took in. file: its name; records: of `Imported`, each as JSON values."""

    file: str
    at: float
    user: str
    records: list[dict[str, Any]]

    @property
    def id(self) -> str:
        """The hash of its records, whatever the file was called and whenever it came."""
        text = json.dumps(self.records, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def imported(self) -> list[Imported]:
        """The records as such; raises RecordError."""
        return [Imported.decode(json.dumps(record), f"a record of {self.file}") for record in self.records]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An attempt as the scheduler knows it: what is needed to ask after it, or to cancel it."""

    run: str
    attempt: int
    tag: str
    where: Where
    job_id: str | None
    """`<array>_<task>` on SLURM, `<host>:<pid>` of the supervisor here; None until it is recorded."""
    created: float


def read_events(data: bytes) -> Iterator[dict[str, Any]]:
    """The events in a piece of events.jsonl; a torn or foreign line is left out, as a killed writer leaves one."""
    for line in data.splitlines():
        with contextlib.suppress(ValueError):
            event = untrusted_json.loads(line)
            if isinstance(event, dict) and isinstance(event.get("kind"), str):
                yield event


def user_name() -> str:
    """The user's name, for others to read."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
