"""What the index gives back: one run, one metric, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from attnctl.lifecycle.state import State, Verdict
from attnctl.spec import RunSpec, recipe_fields
from attnctl.values import Scalar
from attnctl.workspace import untrusted_json
from attnctl.workspace.records import RecordError


class MetricRow(NamedTuple):
    """One value of a run's history; of a step that was trained twice, the later attempt's."""

    name: str
    step: int
    epoch: int
    value: float
    attempt: int
    incarnation: int


class TimingRow(NamedTuple):
    """The speed of one incarnation of a run, and what determines it. Times are Unix seconds.

    recipe: the fields of `TIMING_FIELDS` in their order, as the database holds them. alone: the run has no other
    incarnation, so that its log holds all of its steps.
    """

    run: str
    label: str
    module: str
    model: str
    backbone: str
    placement: str
    dataset: str
    created: float
    started: float
    heartbeat: float
    step: int
    steps: int
    images_per_s: float
    macs: int | None
    world: int
    device: str
    threads: int
    outcome: str | None
    alone: int
    recipe: tuple[Scalar, ...]


TIMING_FIELDS = (
    "batch",
    "norm_batch",
    "optimizer",
    "augment",
    "precision",
    "channels_last",
    "compile",
    "input_size",
    "norms",
    "min_sizes",
    "max_size",
    "epochs",
    "steps",
    "eval_interval",
    "val_split",
)
"""The fields of a recipe on which the time of a step or the number of steps and evaluations depends."""


class PaperSweep(NamedTuple):
    """A sweep of a paper's table or figure, without its runs. overrides: as `attnctl.papers.runs` reads them."""

    name: str
    created: float
    paper: str
    table: str
    figure: str
    overrides: Mapping[str, Any]


class Details(dict[str, Any]):
    """Part -> run id -> value, read a part at a time. parts: base, batch, best, hyperparameters, recipe, spec."""

    def __init__(self, read: Callable[[str], Mapping[str, Any]]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, part: str) -> Any:
        found = self[part] = self._read(part)
        return found


@dataclass(slots=True)
class RunRow:
    """A run as the index has it. Times are Unix seconds; None is what is not known (yet)."""

    id: str
    module: str
    """`?`, as backbone and data set, when the run's spec.json is broken."""
    label: str
    backbone: str
    placement: str
    dataset: str
    versions: str
    """Of the code that the numbers depend on: `module 1, backbone 1, placement 1, dataset 1, loop 1`."""
    seed: int
    state: str
    reason: str
    since: float
    problem: str | None = None
    """A broken file of the run, in words."""
    alarm: str | None = None
    """In words, that two of its attempts disagree on the CPU."""
    attempt: int | None = None
    job_id: str | None = None
    place: str | None = None
    created: float | None = None
    started: float | None = None
    heartbeat: float | None = None
    ended: float | None = None
    step: int | None = None
    steps: int | None = None
    epoch: int | None = None
    best_epoch: int | None = None
    images_per_s: float | None = None
    params: int | None = None
    macs: int | None = None
    device: str | None = None
    node: str | None = None
    init: str = ""
    """The weights that it starts from, as `RunSpec.init`; empty is the seed's own."""
    model: str = ""
    """What stands around the backbone, as `RunSpec.model`; empty is a classifier."""
    family: str = ""
    """What it shares with all runs of its cell of a table, whatever their seeds and versions: `RunSpec.family`."""
    lineage: str = ""
    """As `family`, also if the run of each seed starts from one of its own: `RunSpec.lineage`."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Of the last evaluated epoch."""
    details: Details = field(default_factory=lambda: Details(lambda _: {}), repr=False, compare=False)
    """Where the rest comes from, for all runs of one query at once, when it is first asked for."""

    @property
    def network(self) -> str:
        """The model and its backbone, such as `fasterrcnn resnet50`; of a classifier the backbone."""
        return f"{self.model} {self.backbone}" if self.model else self.backbone

    @property
    def best(self) -> Mapping[str, float]:
        """The metrics of the best epoch: that with the highest top-1, or AP, mAP or mean IoU."""
        found: Mapping[str, float] = self.details["best"].get(self.id, {})
        return found

    @property
    def hyperparameters(self) -> Mapping[str, str]:
        """As a user types them."""
        found: Mapping[str, str] = self.details["hyperparameters"].get(self.id, {})
        return found

    @property
    def recipe_values(self) -> tuple[Scalar, ...]:
        """In the order of the recipe's fields, as the database holds them: true is 1."""
        return tuple(self.details["recipe"].get(self.id, ()))

    @property
    def recipe(self) -> dict[str, Scalar]:
        """The recipe's values by field."""
        return dict(zip(recipe_fields(), self.recipe_values, strict=False))

    @property
    def batch(self) -> int | None:
        """The recipe's batch size; None for a run that is not under way, or has no spec."""
        found: int | None = self.details["batch"].get(self.id)
        return found

    @property
    def base(self) -> RunRow | None:
        """The run from whose weights it starts; None if it starts from others, or if that run is not in the index."""
        found: RunRow | None = self.details["base"].get(self.id)
        return found

    @property
    def spec(self) -> RunSpec:
        """The whole request; raises RecordError when the run's spec.json is broken."""
        text = self.details["spec"].get(self.id)
        if text is None:
            raise RecordError(self.problem or f"run {self.id} has no spec")
        try:
            return RunSpec.from_json(untrusted_json.loads_object(text))
        except ValueError as error:
            raise RecordError(f"the index has a damaged spec of {self.id}: {error}; run attnctl db rebuild") from error

    @property
    def verdict(self) -> Verdict:
        """The state, why, and since when."""
        return verdict_of(self.state, self.reason, self.since, self.node)

    @property
    def active(self) -> bool:
        """Whether it is under way: its state says so."""
        return self.state in _ACTIVE

    @property
    def progress(self) -> float | None:
        """The trained part, from 0 to 1."""
        return min(1.0, (self.step or 0) / self.steps) if self.steps else None


_ACTIVE = frozenset(str(state) for state in State if state.active)


def verdict_of(state: str, reason: str, since: float, node: str | None) -> Verdict:
    """The verdict that these columns of the table `run` hold; a verdict names a node only if that is the cause."""
    return Verdict(State(state), reason, since, node or "" if state == State.LAUNCH_FAILED else "")


COLUMNS = tuple(name for name in RunRow.__dataclass_fields__ if name not in {"metrics", "details"})
"""The columns of the table `run` that a row begins with, in order."""

_UNLISTED = {"placement": "''", "versions": "''", "family": "''", "lineage": "''"} | dict.fromkeys(
    ("attempt", "started", "heartbeat", "ended", "best_epoch", "params", "macs", "device"), "NULL"
)
LISTED_COLUMNS = tuple(_UNLISTED.get(name, f"run.{name}") for name in COLUMNS)
"""The same for a list of runs, as expressions of SQL: a constant for each that no list shows."""
