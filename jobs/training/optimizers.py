"""Creating optimizers by name: those of torch.optim and our own two, and users'."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import torch
from torch.optim import Optimizer

from attnctl.jobs.training.more_optimizers import Lamb, RMSpropTF
from attnctl.recipes import own_parts, parts, timm_parts
from attnctl.spec import Recipe

CLASSES: Mapping[str, type[Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adamax": torch.optim.Adamax,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "asgd": torch.optim.ASGD,
    "rmsprop": torch.optim.RMSprop,
    "rprop": torch.optim.Rprop,
    "lamb": Lamb,
    "rmsprop-tf": RMSpropTF,
}

_FUSED = frozenset({"sgd", "adamw", "adam"})
"""Those with one kernel for many tensors, on CPUs and GPUs."""


def create(recipe: Recipe, code: str, parameters: Iterable[dict[str, Any]]) -> Optimizer:
    """The recipe's optimizer over groups of parameters. code: the run's `Versions.recipe`.

    Raises SpecError for a user's class that is not an optimizer, and whatever that class raises.
    """
    (part,) = parts.of_run(recipe, code, "optimizer")
    if part.version:
        return own_parts.optimizer(part, recipe, parameters)
    if part.name.startswith(timm_parts.PREFIX):
        return _of_timm(part.name.removeprefix(timm_parts.PREFIX), recipe, parameters)
    options = parts.arguments(part, recipe)
    kind = CLASSES[part.name]
    taken = inspect.signature(kind).parameters
    fields = {"lr": recipe.lr, "momentum": recipe.momentum, "weight_decay": recipe.weight_decay}
    options |= {name: value for name, value in fields.items() if name in taken}
    if "nesterov" in taken:
        options["nesterov"] = recipe.nesterov and recipe.momentum > 0  # torch refuses nesterov without momentum
    if "betas" in options:
        options["betas"] = (recipe.momentum, *options["betas"][1:])
    if part.name in _FUSED:
        options["fused"] = True
    return kind(parameters, **options)


def _of_timm(name: str, recipe: Recipe, parameters: Iterable[dict[str, Any]]) -> Optimizer:
    """One of timm's. The recipe's momentum is that of those that have one; all other values are timm's defaults."""
    fields = {"lr": recipe.lr, "momentum": recipe.momentum, "weight_decay": recipe.weight_decay}
    created: Optimizer = import_module("timm.optim").create_optimizer_v2(list(parameters), opt=name, **fields)
    return created
