"""The specification of a run, and the run's id, which is its hash.

A `RunSpec` holds everything that determines the results of a run, and nothing else: the machine, the number of GPUs and
the folders belong to an attempt. Two requests for the same network and training are the same run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from operator import ge, gt, le, lt
from typing import Any, Literal, get_type_hints

from attnctl import components, identity, own_data, parameter_groups, recipe_parts
from attnctl.identity import ID_LENGTH as ID_LENGTH
from attnctl.parameter_groups import ParameterGroup
from attnctl.units import quantity
from attnctl.values import Scalar, SpecError, comma_join, convert, did_you_mean, divisors, format_value

_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {"at_least": ge, "above": gt, "below": lt, "at_most": le}

Task = Literal["classify", "detect", "instance", "segment"]
"""The task of a network; instance is detection with masks."""

NO_MODULE = "none"
"""The module name of the plain backbone, without an attention module."""

DEFAULT, NONE = recipe_parts.DEFAULT, recipe_parts.NONE
"""Recipe values for the model's default and for none; an empty value could not be typed on the command line."""

_NEVER = object()
_TEXTS = ("module", "backbone", "placement", "dataset", "init", "model", "data")
_INIT = re.compile(r"(run|file):[0-9a-f]+(\+partial)?")
_PARTIAL = "+partial"
_OWN_VERSION = re.compile(r"ast:[0-9a-f]+")

LOOP_VERSION = 1
"""Version of the training loop and its data order; raised when they change the results."""


def recipe_field(
    description: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    of_model: bool = False,
    **neutral: Scalar,
) -> Any:
    """Declare a recipe field and its bounds; `neutral=` is the value that runs from before the field existed have.

    of_model: it changes the network of the models that list it among their options (`attnctl.models`), and no other.
    """
    bounds = {"at_least": at_least, "above": above, "below": below, "at_most": at_most}
    metadata = {
        "help": description,
        "of_model": of_model,
        **{name: value for name, value in bounds.items() if value is not None},
        **neutral,
    }
    return field(default=neutral["neutral"], metadata=metadata) if "neutral" in neutral else field(metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a run is trained. A step is one global batch; a field at its neutral value does not change the id."""

    epochs: int = recipe_field("passes over the training set; 0 if steps is set", at_least=1)
    """0 when `steps` sets the length of the training (set by `recipe_from`)."""
    batch: int = recipe_field("global batch size, in samples", at_least=1, at_most=999_999)
    norm_batch: int = recipe_field(
        "ghost batch: samples per forward, over which BatchNorm computes its statistics; must divide batch", at_least=1
    )
    optimizer: str = recipe_field("optimizer, or your own: ./mine.py:MyOptimizer")
    lr: float = recipe_field("peak learning rate for the global batch", above=0)
    momentum: float = recipe_field("momentum, or beta1 of Adam's kin", at_least=0, below=1)
    weight_decay: float = recipe_field("weight decay", at_least=0)
    schedule: str = recipe_field("learning-rate schedule, or your own: ./mine.py:my_schedule")
    augment: str = recipe_field(
        "training augmentation, or a classifier's own: ./mine.py:MyAugmentation; flip, flip-shift, ssd, mosaic and "
        "seg are for detection and segmentation"
    )
    loss: str = recipe_field("loss of a classifier, or your own: ./mine.py:MyLoss", neutral=DEFAULT)
    metrics: str = recipe_field(
        "more metrics of a classifier's evaluation, joined with +, such as ./mine.py:my_metric, or none", neutral=NONE
    )
    part_options: str = recipe_field(
        "options of the optimizer, schedule, loss, augmentation and metrics, such as "
        "'loss.gamma=2;optimizer.eps=1e-6', or none; to sweep one, use -p loss.gamma=1,2",
        neutral=NONE,
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
    repeats: int = recipe_field(
        "repeated augmentation: how often an epoch has each of its images, which are as many times fewer",
        at_least=1,
        neutral=1,
    )
    label_smoothing: float = recipe_field("label smoothing", at_least=0, below=1, neutral=0.0)
    drop_path: float = recipe_field(
        "drop path (stochastic depth): probability in the last residual block, growing from 0 in the first; 0: off",
        at_least=0,
        below=1,
        neutral=0.0,
    )
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
    decay_norms: bool = recipe_field("apply weight decay to norms and other one-dimensional weights", neutral=True)
    decay_biases: bool | Literal["default"] = recipe_field(
        "apply weight decay to biases; default: as decay_norms says", neutral=DEFAULT
    )
    backbone_lr: float = recipe_field(
        "factor on the learning rate of the backbone of a detector or segmenter", above=0, neutral=1.0
    )
    param_groups: str = recipe_field(
        "learning rate (a factor) and weight decay of parameters by patterns of their names, the first that fits, such "
        "as 'head.*:lr=10;*.gamma:lr=0.1+weight_decay=0', or none",
        neutral=NONE,
    )
    min_lr_ratio: float = recipe_field(
        "fraction of the rate to which the cosine and poly schedules fall; they reach it before the no_aug_epochs",
        at_least=0,
        below=1,
        neutral=0.0,
    )
    warmup_factor: float = recipe_field(
        "fraction of the rate at which the warm-up begins", at_least=0, below=1, neutral=0.0
    )
    warmup_power: float = recipe_field("exponent of the warm-up: 1 linear, 2 quadratic", above=0, neutral=1.0)
    weight_init: Literal["default", "fan-in"] = recipe_field(
        "initial weights of a classifier's convolutions and linear layers: the backbone's own, or fan-in: Kaiming "
        "normal by fan-in, with biases 0",
        neutral=DEFAULT,
    )
    eval_resize: Literal["bilinear", "bicubic"] = recipe_field(
        "interpolation of evaluated ImageNet images", neutral="bilinear"
    )
    head_init: Literal["default", "released"] = recipe_field(
        "initial weights of a head: released: as in the code behind the papers' numbers (docs/detection.md)",
        of_model=True,
        neutral=DEFAULT,
    )
    box_beta: float = recipe_field(
        "beta of the smooth L1 loss of the boxes of regions; 0: the model's default",
        at_least=0,
        of_model=True,
        neutral=0.0,
    )
    semantic_resize: Literal["after", "before"] = recipe_field(
        "resize the maps of HTC's semantic branch after or before their 1x1 convolution and ReLU",
        of_model=True,
        neutral="after",
    )
    semantic_labels: Literal["middle", "first"] = recipe_field(
        "pixel of each 8x8 cell whose class HTC's semantic branch learns: the middle one, or the first one, with class "
        "0 for the padding",
        of_model=True,
        neutral="middle",
    )
    default_boxes: Literal["default", "released"] = recipe_field(
        "default boxes of SSD: released: strides, and largest sizes on VOC, of the code behind the papers' numbers",
        of_model=True,
        neutral=DEFAULT,
    )
    class_loss: Literal["default", "focal"] = recipe_field(
        "loss of SSD's classes: cross entropy of the hardest negatives, or 5 times the sigmoid focal loss of all boxes",
        of_model=True,
        neutral=DEFAULT,
    )
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
        self.parameter_groups()
        recipe_parts.read(self.part_options)

    def _check_length(self) -> None:
        for unit, other, count in (
            ("epochs", "steps", self.steps),
            ("warmup_epochs", "warmup_steps", self.warmup_steps),
        ):
            if getattr(self, unit) and count:
                raise SpecError(f"{unit} and {other} both say how long; give only one of them")

    @property
    def replicas(self) -> int:
        """Virtual replicas V: forwards per optimizer step, over all processes."""
        return self.batch // self.norm_batch

    def milestone_epochs(self) -> tuple[int, ...]:
        """The `milestones`, ascending: epochs, or steps in a recipe that counts steps. Raises SpecError."""
        epochs = _numbers(self.milestones) if self.milestones != NONE else ()
        if any(epoch < 1 for epoch in epochs) or list(epochs) != sorted(set(epochs)):
            raise SpecError(f"milestones {self.milestones!r} are not ascending epochs such as 100+150, or {NONE}")
        return epochs

    def short_sides(self) -> tuple[int, ...]:
        """The `min_sizes` in pixels; empty for the model's default. Raises SpecError."""
        sides = _numbers(self.min_sizes) if self.min_sizes != DEFAULT else ()
        if any(side < 1 for side in sides):
            raise SpecError(f"min_sizes {self.min_sizes!r} are not pixels such as 640+800, or {DEFAULT}")
        return sides

    def parameter_groups(self) -> tuple[ParameterGroup, ...]:
        """The `param_groups`, in their order. Raises SpecError."""
        return () if self.param_groups == NONE else parameter_groups.read(self.param_groups)

    def decays(self, *, bias: bool) -> bool:
        """Whether weight decay applies to biases, or else to norms and other one-dimensional weights."""
        return self.decay_norms if not bias or self.decay_biases == DEFAULT else bool(self.decay_biases)

    def model_options(self) -> dict[str, Scalar]:
        """The fields that change a model's network and are not neutral."""
        options = {name: getattr(self, name) for name, item in recipe_fields().items() if item.metadata["of_model"]}
        return {name: value for name, value in options.items() if value != recipe_fields()[name].metadata["neutral"]}

    def is_plain(self, step: int, steps_per_epoch: int) -> bool:
        """Whether `step`, from 0, is in one of the last epochs without augmentation."""
        return bool(self.no_aug_epochs) and step >= (self.epochs - self.no_aug_epochs) * steps_per_epoch

    @property
    def worlds(self) -> list[int]:
        """The possible numbers of processes; with norms=sync there must be one for each forward of a step."""
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
    """The whole numbers of a list such as 100+150; (0,) if it is malformed."""
    try:
        return tuple(int(part) for part in text.split("+"))
    except ValueError:
        return (0,)


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The versions of the code that determines the results; each is raised when its part changes the results.

    module, backbone: `ast:<hash>` for a user's file, `package:<hash>` for an installed package.
    """

    module: str
    backbone: int | str
    placement: int
    dataset: int
    loop: int
    model: int = 0
    """Version of `RunSpec.model`; 0 for a classifier, and then left out of the id."""
    recipe: str = ""
    """Versions of users' files in the recipe, such as `loss=ast:<hash>`; empty if there are none, and then left out of
    the id."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What `RunSpec.init` says. run: the id of a run; file: the SHA-256 of a file; both are empty for random weights.

    partial: weights that fit only partly are accepted (`--init-partial`).
    """

    run: str = ""
    file: str = ""
    partial: bool = False

    @classmethod
    def of(cls, init: str) -> Start:
        """The inverse of `str`."""
        kind, _, name = init.removesuffix(_PARTIAL).partition(":")
        return cls(
            run=name if kind == "run" else "", file=name if kind == "file" else "", partial=init.endswith(_PARTIAL)
        )

    def __str__(self) -> str:
        text = f"run:{self.run}" if self.run else f"file:{self.file}" if self.file else ""
        return text + _PARTIAL if text and self.partial else text


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """The complete specification of a run. `hyperparameters` are sorted by name and include defaults."""

    module: str
    hyperparameters: tuple[tuple[str, Scalar], ...]
    backbone: str
    placement: str
    dataset: str
    recipe: Recipe
    seed: int
    versions: Versions
    init: str = ""
    """Initial weights: `run:<id>` or `file:<SHA-256>`, with `+partial` if they may fit only partly; empty for random
    weights of the seed."""
    model: str = ""
    """The detector or segmenter around the backbone, such as `fasterrcnn`; empty for a classifier."""
    data: str = ""
    """The description of a user's own data set (`attnctl.datasets.own`); empty for a registered one."""
    origin: RunSpec | None = field(default=None, compare=False, repr=False)
    """The base run's spec, where it is known; not part of the specification, which has the base's id."""

    @cached_property
    def id(self) -> str:
        """The run's id: SHA-256 of the canonical JSON, its first 16 hexadecimal digits."""
        before = self._before_seed(self.init)
        vars(self)["family"] = identity.digest(before + identity.WITHOUT_SEED)  # while its text is at hand
        return identity.digest(before + self._from_seed())

    def canonical(self) -> str:
        """The JSON text that is hashed: sorted keys, without fields at their neutral value."""
        return self._before_seed(self.init) + self._from_seed()

    def _from_seed(self) -> str:
        return f"{self.seed}{identity.after_seed(vars(self.versions))}"

    def _before_seed(self, init: str) -> str:
        """The beginning of the hashed text, with these initial weights."""
        values = {name: getattr(self, name) for name in ("backbone", "dataset", "module", "placement")}
        optional = {"data": self.data, "init": init, "model": self.model}
        values |= {name: value for name, value in optional.items() if value}
        values["hyperparameters"] = dict(self.hyperparameters)
        return identity.before_seed(values, _recipe_text(self.recipe))

    def with_seeds(self, seeds: Sequence[int]) -> list[RunSpec]:
        """The same run with each of these seeds."""
        values = {name: getattr(self, name) for name in _spec_fields()}
        specs = [RunSpec(**(values | {"seed": seed})) for seed in seeds]
        ids = identity.digests(self._before_seed(self.init), seeds, identity.after_seed(vars(self.versions)))
        for spec, run_id in zip(specs, ids, strict=True):
            vars(spec).update(id=run_id, family=self.family)  # where the cached properties keep them
        return specs

    @property
    def base(self) -> str | None:
        """The id of the run whose weights it starts from; None if it does not start from a run."""
        return Start.of(self.init).run or None

    @property
    def components(self) -> tuple[RunSpec, ...]:
        """A spec with one module for each of its modules; none for the plain backbone."""
        versions = str(self.versions.module).split(components.AND)
        if len(versions) == 1:
            return (self,) if self.module != NO_MODULE else ()
        return tuple(
            dataclasses.replace(
                self,
                module=name,
                placement=placement,
                hyperparameters=tuple(
                    (key.removeprefix(f"{name}."), value)
                    for key, value in self.hyperparameters
                    if key.startswith(f"{name}.")
                ),
                versions=dataclasses.replace(self.versions, module=version),
            )
            for (name, placement), version in zip(components.split(self.module, self.placement), versions, strict=True)
        )

    @property
    def code_versions(self) -> tuple[int | str, ...]:
        """The versions of all code of a run: of `network_code_versions`, and of the code that makes its data set."""
        data = own_data.code_version(self.data)
        return (*self.network_code_versions, *([data] if data else []))

    @property
    def network_code_versions(self) -> tuple[int | str, ...]:
        """The versions of its modules, its backbone and users' files in its recipe; hashes for a user's code."""
        of_recipe = recipe_parts.read_code(self.versions.recipe).values()
        return (
            *(part.versions.module for part in self.components),
            self.versions.backbone,
            *(version for versions in of_recipe for version in versions if version),
        )

    @property
    def network(self) -> str:
        """The model and its backbone, such as `fasterrcnn resnet50`; for a classifier, the backbone."""
        return f"{self.model} {self.backbone}".lstrip()

    @cached_property
    def family(self) -> str:
        """A hash that is equal for the runs of one table cell, whatever their seeds and code versions."""
        return identity.digest(f"{self._before_seed(self.init)}{identity.WITHOUT_SEED}")

    @property
    def lineage(self) -> str:
        """As `family`, also where the run of each seed starts from another run, which has that seed."""
        if self.origin is None:
            return self.family
        return identity.digest(f"{self._before_seed(f'run:{self.origin.lineage}')}{identity.WITHOUT_SEED}")

    def label(self) -> str:
        """The module and its hyperparameters, such as `ela kernel=5 groups=c`."""
        return " ".join([self.module, *(f"{name}={format_value(value)}" for name, value in self.hyperparameters)])

    def to_json(self) -> dict[str, Any]:
        """The whole spec as JSON values, including neutral fields; `data` only of an own data set."""
        unwritten = {"origin"} if self.data else {"origin", "data"}
        return {
            **{name: getattr(self, name) for name in _spec_fields() if name not in unwritten},
            "hyperparameters": dict(self.hyperparameters),
            "recipe": dict(vars(self.recipe)),
            "versions": dict(vars(self.versions)),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RunSpec:
        """The spec that `to_json` wrote; fields missing from the document are neutral. Raises SpecError."""
        try:
            values = dict(document)
            if not isinstance(values["recipe"], Mapping):
                raise TypeError(f"recipe is {values['recipe']!r:.80}")
            values["hyperparameters"] = tuple(sorted(dict(values["hyperparameters"]).items()))
            values["recipe"] = recipe_from(values["recipe"])
            values["versions"] = Versions(**values["versions"])
            spec = cls(**values)
            _check_types(spec)
            _check_names(spec)
            return spec
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"not a run's spec: {error}") from error


def _check_types(spec: RunSpec) -> None:
    """Raise ValueError if a value has another type than declared: a JSON file of somebody else can hold anything."""
    versions = vars(spec.versions)
    numbers = {name: value for name, value in versions.items() if name not in {"module", "backbone", "recipe"}}
    texts = {name: getattr(spec, name) for name in _TEXTS}
    texts |= {f"{name}'s version": versions[name] for name in ("module", "recipe")}
    values = {"backbone's version": versions["backbone"], **dict(spec.hyperparameters)}
    for name, value in {**numbers, "seed": spec.seed}.items():
        if type(value) is not int or not _is_scalar(value):
            raise ValueError(f"{name} is {value!r:.80}")
    for name, value in texts.items():
        if not isinstance(value, str) or not _is_scalar(value):
            raise ValueError(f"{name} is {value!r:.80}")
    for name, value in values.items():
        if not isinstance(name, str) or not _is_scalar(name) or not _is_scalar(value):
            raise ValueError(f"{name!r:.80} is {value!r:.80}")


def _is_scalar(value: object) -> bool:
    """Whether a value can be stored: a number of at most 64 bits, or a text without a lone surrogate."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
    if type(value) is int:
        return -(1 << 63) <= value < 1 << 63
    return value is None or isinstance(value, bool | float)


def _check_names(spec: RunSpec) -> None:
    """Raise ValueError if a text that becomes the name of a file could lead elsewhere."""
    if spec.init and not _INIT.fullmatch(spec.init):
        raise ValueError(f"init is {spec.init!r:.80}")
    others = {**vars(spec.versions), "module": ""}
    for version in (*others.values(), *spec.code_versions):
        if isinstance(version, str) and version.startswith("ast:") and not _OWN_VERSION.fullmatch(version):
            raise ValueError(f"a version is {version!r:.80}")
    if spec.data or own_data.is_own(spec.dataset):
        own_data.remember(spec.dataset, spec.data)
    _check_code(spec)


def _check_code(spec: RunSpec) -> None:
    """Raise ValueError unless each version of a user's file in the recipe belongs to one of its parts."""
    code = recipe_parts.read_code(spec.versions.recipe)
    for kind, versions in code.items():
        wrong = [version for version in versions if version and not _OWN_VERSION.fullmatch(version)]
        if kind not in recipe_parts.KINDS or wrong or len(versions) != str(getattr(spec.recipe, kind)).count("+") + 1:
            raise ValueError(f"recipe's version is {spec.versions.recipe!r:.80}")


@cache
def _spec_fields() -> tuple[str, ...]:
    return tuple(item.name for item in fields(RunSpec))


_RECIPES = 1 << 10
"""Recipes that are kept. The runs of a workspace have few, and thousands of runs share each."""

_TEXT_OF: dict[int, tuple[Recipe, str]] = {}
"""By the recipe's identity, which its own entry keeps alive: to hash 60 fields takes longer than to look at them."""

_READ: dict[str, Recipe] = {}
"""By the text of the values, which tells 1 from 1.0 and true."""


def _recipe_text(recipe: Recipe) -> str:
    """The canonical JSON of a recipe without the fields at their neutral value."""
    if (found := _TEXT_OF.get(id(recipe))) is not None:
        return found[1]
    declared = recipe_fields()
    values = {
        name: value for name, value in vars(recipe).items() if value != declared[name].metadata.get("neutral", _NEVER)
    }
    text = identity.canonical(values)
    if len(_TEXT_OF) >= _RECIPES:
        _TEXT_OF.clear()
    _TEXT_OF[id(recipe)] = recipe, text
    return text


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """A Recipe from values converted to their declared types; raises SpecError naming the field."""
    text = repr(values)
    found = _READ.get(text)
    if found is None:
        found = _converted(values)
        if len(_READ) >= _RECIPES:
            _READ.clear()
        _READ[text] = found
    return found


def _converted(values: Mapping[str, Any]) -> Recipe:
    declared = recipe_fields()
    for name in values:
        if name not in declared:
            raise SpecError(f"unknown recipe field {name!r}{did_you_mean(name, declared)}")
    canonical: dict[str, Any] = {}
    if recipe_value("steps", values.get("steps", 0)) and not values.get("epochs"):
        canonical["epochs"] = 0
    canonical |= {name: recipe_value(name, value) for name, value in values.items() if name not in canonical}
    missing = [name for name, item in declared.items() if name not in canonical and item.default is dataclasses.MISSING]
    if missing:
        raise SpecError(f"recipe lacks {comma_join(missing)}")
    return Recipe(**canonical)


@cache
def recipe_fields() -> dict[str, dataclasses.Field[Any]]:
    """The recipe's fields by name, in the order of the class."""
    return {item.name: item for item in fields(Recipe)}


@cache
def recipe_types() -> dict[str, Any]:
    """Each recipe field's type: int, float, bool, str, a Literal, or a union of these."""
    named = {kind: Literal.__getitem__(tuple(names)) | str for kind, names in recipe_parts.BUILT_IN.items()}
    return get_type_hints(Recipe) | named


def recipe_value(name: str, value: Scalar) -> Scalar:
    """`value`, possibly typed as text, converted for the recipe field `name`; raises SpecError."""
    canonical = convert(value, recipe_types()[name], name)
    for bound, holds in _BOUNDS.items():
        limit = recipe_fields()[name].metadata.get(bound)
        if limit is not None and not holds(canonical, limit):
            raise SpecError(f"{name} is {format_value(canonical)}; it must be {bound.replace('_', ' ')} {limit:g}")
    if name in recipe_parts.KINDS:
        recipe_parts.check_name(name, str(canonical))
    if name == "part_options":
        recipe_parts.read(str(canonical))
    if name == "param_groups" and canonical != NONE:
        return parameter_groups.canonical(str(canonical))
    return canonical
