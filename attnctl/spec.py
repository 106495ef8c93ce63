"""What one run is: its resolved request, and the id that is the hash of it.

A `RunSpec` says everything that decides the numbers of a run, and nothing that does not: where it runs, on how many
GPUs and from which folder is kept per attempt. Two requests that mean the same network and training are one run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from operator import ge, gt, le, lt
from typing import Any, Literal, get_type_hints

from attnctl.units import quantity
from attnctl.values import Scalar, SpecError, comma_join, convert, did_you_mean, divisors, format_value

_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {"at_least": ge, "above": gt, "below": lt, "at_most": le}

Task = Literal["classify", "detect", "instance", "segment"]
"""What a network is trained for; instance is boxes with masks."""

NO_MODULE = "none"
"""The name that stands for the plain backbone, with no attention module in it."""

DEFAULT, NONE = "default", "none"
"""The recipe values that stand for the model's own, and for nothing: words, since nothing empty can be typed."""

_NEVER = object()

LOOP_VERSION = 1
"""Version of the training loop and its data order; it moves when they give other numbers than before."""

ID_LENGTH = 16
"""Hexadecimal digits of a run's id; commands take any unique prefix."""


def recipe_field(
    description: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    **neutral: Scalar,
) -> Any:
    """Declare a recipe field with its bounds; `neutral=` is its value in every run from before the field existed."""
    bounds = {"at_least": at_least, "above": above, "below": below, "at_most": at_most}
    metadata = {"help": description, **{name: value for name, value in bounds.items() if value is not None}, **neutral}
    return field(default=neutral["neutral"], metadata=metadata) if "neutral" in neutral else field(metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a run is trained. A step is one global batch; a field at its default is left out of the id."""

    epochs: int = recipe_field("passes over the training set; 0 if steps is set", at_least=1)
    """0 where `steps` says how long the training is: `recipe_from` puts it there."""
    batch: int = recipe_field("global batch size, in samples", at_least=1)
    norm_batch: int = recipe_field(
        "ghost batch: samples per forward, over which BatchNorm computes its statistics; must divide batch", at_least=1
    )
    optimizer: Literal["sgd", "adamw"] = recipe_field("optimizer")
    lr: float = recipe_field("peak learning rate for the global batch", above=0)
    momentum: float = recipe_field("SGD momentum, or AdamW's beta1", at_least=0, below=1)
    weight_decay: float = recipe_field("weight decay", at_least=0)
    schedule: Literal["constant", "step", "multistep", "cosine", "poly"] = recipe_field("learning-rate schedule")
    augment: Literal["none", "shift", "crop-flip", "imagenet", "flip", "flip-shift", "ssd", "mosaic", "seg"] = (
        recipe_field("training augmentation; the last five are for detection and segmentation")
    )
    nesterov: bool = recipe_field("Nesterov momentum (SGD)", neutral=False)
    milestones: str = recipe_field(
        "epochs (or steps, if steps is set) at which the multistep schedule decays, such as 100+150, or none",
        neutral=NONE,
    )
    step_epochs: int = recipe_field("epochs between decays of the step schedule", at_least=1, neutral=30)
    lr_gamma: float = recipe_field(
        "factor of each decay in the step and multistep schedules", above=0, at_most=1, neutral=0.1
    )
    warmup_epochs: float = recipe_field("epochs of linear warm-up", at_least=0, neutral=0.0)
    label_smoothing: float = recipe_field("label smoothing", at_least=0, below=1, neutral=0.0)
    mixup: float = recipe_field("mixup alpha; 0: off", at_least=0, neutral=0.0)
    cutmix: float = recipe_field("CutMix alpha; 0: off", at_least=0, neutral=0.0)
    precision: Literal["fp32", "bf16", "fp16"] = recipe_field("precision of the forward pass", neutral="fp32")
    channels_last: bool = recipe_field("NHWC memory format", neutral=False)
    compile: bool = recipe_field("compile the network with torch.compile", neutral=False)
    clip_grad_norm: float = recipe_field("maximum gradient norm; 0: off", at_least=0, neutral=0.0)
    ema_decay: float = recipe_field(
        "decay of the weight average (EMA) that is evaluated; 0: off", at_least=0, below=1, neutral=0.0
    )
    val_split: float = recipe_field(
        "fraction of the training set that is held out and evaluated instead of the test set",
        at_least=0,
        below=1,
        neutral=0.0,
    )
    input_size: int = recipe_field(
        "side of the square input, in pixels; 0: the data set's default", at_least=0, neutral=0
    )
    norms: Literal["default", "batch", "frozen", "sync"] = recipe_field(
        "batch norms of a detector's backbone; default: the model's default", neutral=DEFAULT
    )
    steps: int = recipe_field("total number of training steps, instead of epochs", at_least=0, neutral=0)
    warmup_steps: int = recipe_field("steps of linear warm-up, instead of warmup_epochs", at_least=0, neutral=0)
    power: float = recipe_field("exponent of the poly schedule", above=0, neutral=0.9)
    eval_interval: int = recipe_field("number of epochs between evaluations", at_least=1, neutral=1)
    min_sizes: str = recipe_field(
        "short sides, in pixels, of a detector's training images, such as 640+800; evaluation uses the last one; "
        "default: the model's default",
        neutral=DEFAULT,
    )
    max_size: int = recipe_field(
        "maximum long side of a detector's images, in pixels; 0: the model's default", at_least=0, neutral=0
    )
    bn_momentum: float = recipe_field(
        "momentum of the running statistics of batch norms; 0: the network's default",
        at_least=0,
        at_most=1,
        neutral=0.0,
    )
    decay_norms: bool = recipe_field("apply weight decay to biases and norms too", neutral=True)
    no_aug_epochs: int = recipe_field(
        "number of last epochs without mosaic, in which YOLOX adds an L1 box loss", at_least=0, neutral=0
    )

    def __post_init__(self) -> None:
        if self.batch % self.norm_batch:
            raise SpecError(
                f"norm_batch {self.norm_batch} does not divide batch {self.batch}; "
                f"these do: {comma_join(divisors(self.batch))}"
            )
        if self.schedule == "multistep" and not self.milestone_epochs():
            raise SpecError("schedule multistep needs milestones, such as milestones=100+150")
        self._check_length()
        if self.no_aug_epochs and not self.epochs:
            raise SpecError("no_aug_epochs are the last ones of a recipe that counts epochs, not steps")
        self.milestone_epochs()
        self.short_sides()

    def _check_length(self) -> None:
        for unit, other, given in (
            ("epochs", "steps", self.steps),
            ("warmup_epochs", "warmup_steps", self.warmup_steps),
        ):
            if getattr(self, unit) and given:
                raise SpecError(f"{unit} and {other} both say how long; one of them must be 0")

    @property
    def replicas(self) -> int:
        """Virtual replicas V: forwards per optimizer step, over all processes."""
        return self.batch // self.norm_batch

    def milestone_epochs(self) -> tuple[int, ...]:
        """The epochs of `milestones`, or the steps where the recipe counts these, ascending; raises SpecError."""
        epochs = _numbers(self.milestones) if self.milestones != NONE else ()
        if any(epoch < 1 for epoch in epochs) or list(epochs) != sorted(set(epochs)):
            raise SpecError(f"milestones {self.milestones!r} are not ascending epochs such as 100+150, or {NONE}")
        return epochs

    def short_sides(self) -> tuple[int, ...]:
        """The pixels of `min_sizes`, none when they are the model's own; raises SpecError."""
        sides = _numbers(self.min_sizes) if self.min_sizes != DEFAULT else ()
        if any(side < 1 for side in sides):
            raise SpecError(f"min_sizes {self.min_sizes!r} are not pixels such as 640+800, or {DEFAULT}")
        return sides

    def is_plain(self, step: int, steps_per_epoch: int) -> bool:
        """Whether `step`, from 0, is in one of the plain epochs."""
        return bool(self.no_aug_epochs) and step >= (self.epochs - self.no_aug_epochs) * steps_per_epoch

    @property
    def worlds(self) -> list[int]:
        """The numbers of processes that can share the forwards of a step; with norms sync each has one of them."""
        return [self.replicas] if self.norms == "sync" else divisors(self.replicas)

    def check_world(self, world: int) -> None:
        """Raise SpecError unless `world` processes can share the virtual replicas evenly."""
        if world not in self.worlds and self.norms == "sync":
            raise SpecError(
                f"norms sync needs a process for each of the {self.replicas} forwards of a step, not {world}: "
                f"norms cannot share statistics with a forward that comes later"
            )
        if self.replicas % world:
            raise SpecError(
                f"{world} processes cannot share batch {self.batch} in forwards of norm_batch {self.norm_batch} "
                f"({quantity(self.replicas, 'forward')} a step); "
                f"worlds that fit: {comma_join(divisors(self.replicas))}, "
                f"or choose --norm-batch so that batch / norm_batch is a multiple of {world}"
            )


def _numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of a list such as 100+150; (0,) for what is none."""
    try:
        return tuple(int(part) for part in text.split("+"))
    except ValueError:
        return (0,)


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What the numbers depend on in the code: each moves when its part gives other numbers than before.

    module, backbone: also `ast:<hash>` of a user's file, or `package:<hash>` of an installed package's.
    """

    module: str
    backbone: int | str
    placement: int
    dataset: int
    loop: int
    model: int = 0
    """Of `RunSpec.model`; 0, and left out of the id, of a classifier."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One cell's full, resolved request. `hyperparameters` are sorted by name and hold every value, defaults too."""

    module: str
    hyperparameters: tuple[tuple[str, Scalar], ...]
    backbone: str
    placement: str
    dataset: str
    recipe: Recipe
    seed: int
    versions: Versions
    init: str = ""
    """The weights that it starts from: `run:<id>`, or `file:<SHA-256>` by content; empty is the seed's own."""
    model: str = ""
    """What stands around the backbone and decides the task, such as `fasterrcnn`; empty: a classifier."""

    @property
    def id(self) -> str:
        """The run's id: SHA-256 of the canonical JSON, its first 16 hexadecimal digits."""
        return _digest(self)

    def canonical(self) -> str:
        """The JSON that is hashed: sorted keys, fields at their neutral value left out."""
        document = self.to_json()
        document["recipe"] = {
            name: value
            for name, value in document["recipe"].items()
            if value != recipe_fields()[name].metadata.get("neutral", _NEVER)
        }
        for name in ("init", "model"):
            if not document[name]:
                del document[name]
        if not self.versions.model:
            del document["versions"]["model"]
        return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def network(self) -> str:
        """The model and its backbone, such as `fasterrcnn resnet50`; of a classifier the backbone."""
        return f"{self.model} {self.backbone}".lstrip()

    @property
    def family(self) -> str:
        """What the runs of one cell of a table share, whatever their seed and the versions of the code: a hash."""
        versions = Versions(module="", backbone=0, placement=0, dataset=0, loop=0)
        return _digest(dataclasses.replace(self, seed=0, versions=versions))

    def label(self) -> str:
        """The module and its hyperparameters, such as `ela kernel=5 groups=c`."""
        return " ".join([self.module, *(f"{name}={format_value(value)}" for name, value in self.hyperparameters)])

    def to_json(self) -> dict[str, Any]:
        """The whole spec as JSON values, neutral fields too."""
        return {
            **vars(self),
            "hyperparameters": dict(self.hyperparameters),
            "recipe": dict(vars(self.recipe)),
            "versions": dict(vars(self.versions)),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RunSpec:
        """The spec that `to_json` gave; fields newer than the document are neutral. Raises SpecError."""
        try:
            values = dict(document)
            values["hyperparameters"] = tuple(sorted(dict(values["hyperparameters"]).items()))
            values["recipe"] = recipe_from(values["recipe"])
            values["versions"] = Versions(**values["versions"])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"not a run's spec: {error}") from error


@lru_cache(maxsize=1 << 14)
def _digest(spec: RunSpec) -> str:
    return hashlib.sha256(spec.canonical().encode()).hexdigest()[:ID_LENGTH]


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """A Recipe of values canonicalised by declared type; raises SpecError naming the field."""
    known = recipe_fields()
    for name in values:
        if name not in known:
            raise SpecError(f"unknown recipe field {name!r}{did_you_mean(name, known)}")
    canonical: dict[str, Any] = {}
    if recipe_value("steps", values.get("steps", 0)) and not values.get("epochs"):
        canonical["epochs"] = 0
    canonical |= {name: recipe_value(name, value) for name, value in values.items() if name not in canonical}
    missing = [name for name, item in known.items() if name not in canonical and item.default is dataclasses.MISSING]
    if missing:
        raise SpecError(f"recipe lacks {comma_join(missing)}")
    return Recipe(**canonical)


@cache
def recipe_fields() -> dict[str, dataclasses.Field[Any]]:
    """The recipe's fields by name, in the order of the class."""
    return {item.name: item for item in fields(Recipe)}


@cache
def recipe_types() -> dict[str, Any]:
    """Each recipe field's type: int, float, bool, str or a Literal."""
    return get_type_hints(Recipe)


def recipe_value(name: str, value: Scalar) -> Scalar:
    """`value`, or the text of it, as recipe field `name` declares it; raises SpecError."""
    canonical = convert(value, recipe_types()[name], name)
    for bound, holds in _BOUNDS.items():
        limit = recipe_fields()[name].metadata.get(bound)
        if limit is not None and not holds(canonical, limit):
            raise SpecError(f"{name} is {format_value(canonical)}; it must be {bound.replace('_', ' ')} {limit:g}")
    return canonical
