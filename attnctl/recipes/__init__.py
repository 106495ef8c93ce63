"""The training recipes: TOML files, built-in or a user's, whose keys are the fields of `attnctl.spec.Recipe`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from attnctl import backbones, datasets, models, recipe_parts
from attnctl.datasets import Dataset
from attnctl.recipes import file, parts
from attnctl.spec import Recipe, recipe_fields, recipe_from
from attnctl.values import Scalar, SpecError, comma_join, did_you_mean

_FOLDER = Path(__file__).parent

_BY_DATASET = {
    "digits": {False: "digits", True: "digits"},
    "cifar10": {False: "cifar", True: "cifar-light"},
    "cifar100": {False: "cifar", True: "cifar-light"},
    "imagenet": {False: "imagenet-resnet", True: "imagenet-light"},
}
"""Data set -> whether the backbone is lightweight -> recipe."""


_LEAST_STEPS = 4

_INSTEAD = (
    ("epochs", "steps"),
    ("steps", "epochs"),
    ("warmup_epochs", "warmup_steps"),
    ("warmup_steps", "warmup_epochs"),
    ("input_size", "min_sizes"),
)
"""Pairs (overriding field, the recipe's field for the same quantity in another unit, or in several values)."""


@cache
def names() -> tuple[str, ...]:
    """The recipes, by name."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load(name: str) -> Mapping[str, Scalar]:
    """The values in a recipe's file, built-in or a user's `./mine.toml`; raises SpecError."""
    if not file.is_file(name):
        return _load(name)
    values = file.read(name)
    base = str(values.pop(file.BASE, ""))
    if not base:
        return MappingProxyType(values)
    if file.is_file(base):
        raise SpecError(f"{name}: base is {base!r}; it must be one of {comma_join(names())}")
    try:
        return MappingProxyType({**_load(base), **values, **_options(_load(base), values)})
    except SpecError as error:
        raise SpecError(f"{name}: base: {error}") from error


def _options(base: Mapping[str, Scalar], values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The options of a recipe's parts, with those of its base; empty if there are none."""
    text = recipe_parts.merged(base, values)
    return {} if text == recipe_parts.NONE else {"part_options": text}


@cache
def _load(name: str) -> Mapping[str, Scalar]:
    if name not in names():
        raise SpecError(f"unknown recipe {name!r}{did_you_mean(name, names())}")
    return MappingProxyType(tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")))


def default_for(dataset: str, backbone: str, model: str = "") -> str:
    """The default recipe for a data set and a backbone, or a model; raises SpecError."""
    if model:
        return models.describe(model).recipe(dataset)
    known = dataset if dataset in _BY_DATASET else datasets.describe(dataset).packed
    if known not in _BY_DATASET:
        return datasets.describe(dataset).recipe
    return _BY_DATASET[known][backbones.describe(backbone).light]


def fitted(dataset: Dataset) -> dict[str, Scalar]:
    """The values of an own data set's default recipe that its size changes: small ones have smaller batches.

    An epoch has at least `_LEAST_STEPS` steps, and the learning rate falls with the batch.
    """
    values = _load(dataset.recipe)
    usual = int(values["batch"] or 1)
    batch = usual
    while batch > 1 and batch * _LEAST_STEPS > dataset.train_size:
        batch //= 2
    return {} if batch == usual else {"batch": batch, "lr": float(values["lr"] or 0) * batch / usual}


def resolve(name: str, overrides: Mapping[str, Scalar]) -> Recipe:
    """`resolve_with_code` without the versions."""
    return resolve_with_code(name, overrides)[0]


def resolve_with_code(name: str, overrides: Mapping[str, Scalar]) -> tuple[Recipe, str]:
    """The recipe of that name with some values replaced, and its users' files as in `Versions.recipe`.

    overrides: of fields, and of options of its parts by names such as `loss.gamma`. Raises SpecError.

    A batch smaller than the recipe's norm_batch becomes a single forward, unless norm_batch is overridden too. Epochs
    override the recipe's steps, and steps its epochs; input_size overrides its min_sizes.
    """
    for field in overrides:
        if field not in recipe_fields() and not recipe_parts.is_option(field):
            raise SpecError(f"unknown recipe field {field!r}{did_you_mean(field, recipe_fields())}")
    own = load(name)
    values = {**own, **overrides}
    batch, forward = values.get("batch"), values.get("norm_batch")
    smaller = str(batch).isdecimal() and str(forward).isdecimal() and 0 < int(str(batch)) < int(str(forward))
    if "norm_batch" not in overrides and smaller:
        values["norm_batch"] = batch
    for asked, instead in _INSTEAD:
        if asked in overrides and instead not in overrides:
            values.pop(instead, None)
    try:
        resolved, code = parts.resolve(values, own, overrides)
        return recipe_from(resolved), code
    except SpecError as error:
        raise SpecError(f"{name}: {error}" if file.is_file(name) and not overrides else str(error)) from error
