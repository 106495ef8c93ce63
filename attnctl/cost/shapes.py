"""What determines the time of a step, and how many steps and evaluations a run has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from attnctl import datasets, models
from attnctl.spec import DEFAULT, RunSpec
from attnctl.values import Scalar
from attnctl.workspace.records import Resources

CPU = "cpu"
ANY_GPU = "cuda"
"""The device of a run on a GPU whose type is not known before it starts."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a run trains. device: cpu, the name or type of a GPU, or `ANY_GPU`. threads: per process."""

    device: str = CPU
    world: int = 1
    threads: int = 1

    @classmethod
    def of(cls, resources: Resources, gpu_type: str | None = None) -> Machine:
        """The machine of requested resources."""
        device = (gpu_type or ANY_GPU) if resources.gpus_per_node else CPU
        return cls(device=device, world=resources.world, threads=resources.cpus_per_task)

    @property
    def on_gpu(self) -> bool:
        """Whether it trains on GPUs."""
        return self.device != CPU


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a step computes. label: the module with its hyperparameters. side: of the input in pixels.

    batch: samples of a step per process. replicas: virtual replicas of a step per process. joined: those share forwards
    as far as memory allows; a detector's and a compiled network's never do.
    """

    label: str
    module: str
    model: str
    backbone: str
    placement: str
    dataset: str
    side: int
    batch: int
    replicas: int
    joined: bool
    precision: str
    channels_last: bool
    compile: bool
    optimizer: str
    augment: str
    norms: str

    @property
    def network(self) -> str:
        """Such as `se on fasterrcnn resnet50`."""
        return f"{self.module} on {f'{self.model} {self.backbone}'.lstrip()}"


@dataclass(frozen=True, kw_only=True)
class Length:
    """How much a run computes. images: in all training steps. evaluated: images in all evaluations."""

    images: int
    evaluated: int


def shape_of(spec: RunSpec, world: int = 1) -> Shape:
    """The shape of a run on so many processes; raises SpecError for an unknown data set or model."""
    recipe = {**vars(spec.recipe)}
    return make_shape(spec.label(), spec.module, spec.model, spec.backbone, spec.placement, spec.dataset, recipe, world)


def make_shape(
    label: str,
    module: str,
    model: str,
    backbone: str,
    placement: str,
    dataset: str,
    recipe: Mapping[str, Scalar],
    world: int,
) -> Shape:
    """The shape of a run from its parts; raises SpecError for an unknown data set or model."""
    batch, norm_batch = _whole(recipe["batch"]), _whole(recipe["norm_batch"])
    return Shape(
        label=label,
        module=module,
        model=model,
        backbone=backbone,
        placement=placement if module != "none" else "",
        dataset=dataset,
        side=_side(model, dataset, _whole(recipe["input_size"]), str(recipe["min_sizes"])),
        batch=max(1, batch // world),
        replicas=max(1, batch // norm_batch // world),
        joined=not recipe["compile"] and (not model or models.describe(model).task == "segment"),
        precision=str(recipe["precision"]),
        channels_last=bool(recipe["channels_last"]),
        compile=bool(recipe["compile"]),
        optimizer=str(recipe["optimizer"]),
        augment=str(recipe["augment"]),
        norms=str(recipe["norms"]),
    )


@lru_cache(maxsize=1024)
def _side(model: str, dataset: str, input_size: int, min_sizes: str) -> int:
    if input_size:
        return input_size
    if min_sizes != DEFAULT:
        return _whole(min_sizes.rpartition("+")[2])
    return models.describe(model).input if model else datasets.describe(dataset).height


def length_of(spec: RunSpec) -> Length:
    """How much a run computes; raises SpecError for an unknown data set."""
    recipe = spec.recipe
    return make_length(spec.dataset, recipe.batch, recipe.epochs, recipe.steps, recipe.eval_interval, recipe.val_split)


def make_length(dataset: str, batch: int, epochs: int, steps: int, eval_interval: int, val_split: float) -> Length:
    """How much a run computes, from its recipe's fields; raises SpecError for an unknown data set."""
    described = datasets.describe(dataset)
    held_out = round(val_split * described.train_size)
    steps_per_epoch = max(1, (described.train_size - held_out) // batch)
    total = steps or epochs * steps_per_epoch
    evaluations = max(1, math.ceil(total / steps_per_epoch / eval_interval))
    evaluated = held_out or described.test_size
    return Length(images=total * batch, evaluated=evaluations * evaluated)


def _whole(value: Scalar) -> int:
    return int(value) if isinstance(value, int | float | str) else 0
