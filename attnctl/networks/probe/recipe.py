"""Trying the parts of a recipe that are in users' files, each once on small random tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl import datasets
from attnctl.recipes import own_parts, parts
from attnctl.recipes.parts import Part
from attnctl.spec import Recipe, RunSpec
from attnctl.values import SpecError

_SAMPLES = 8
_STEPS = 100


def probe(spec: RunSpec) -> None:
    """Try each user's part of a run's recipe; raises SpecError or any error of the user's code.

    Its files must be known to this process: see `sources.remember`.
    """
    code, recipe = spec.versions.recipe, spec.recipe
    classes = datasets.describe(spec.dataset).classes
    for part in parts.of_run(recipe, code, "optimizer"):
        if part.version:
            _optimizer(part, recipe)
    for part in parts.of_run(recipe, code, "loss"):
        if part.version:
            _loss(part, recipe, classes)
    labels = torch.arange(_SAMPLES) % classes
    for measure in own_parts.metrics(recipe, code).values():
        measure(torch.randn(_SAMPLES, classes), labels)
    side = spec.recipe.input_size or datasets.describe(spec.dataset).height
    for part in parts.of_run(recipe, code, "augment"):
        if part.version:
            own_parts.augmentation(part, recipe, side)(torch.randint(256, (3, side, side), dtype=torch.uint8))
    factor = own_parts.schedule(recipe, code)
    if factor is not None:
        for step in range(_STEPS):
            factor(step, _STEPS)


def _optimizer(part: Part, recipe: Recipe) -> None:
    weight = nn.Parameter(torch.randn(3, 2))
    bias = nn.Parameter(torch.randn(3))
    made = own_parts.optimizer(part, recipe, [{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}])
    functional.linear(torch.randn(4, 2), weight, bias).square().mean().backward()
    before = weight.detach().clone()
    made.step()
    if not bool(weight.isfinite().all()):
        raise SpecError(f"optimizer {part.name} gives NaN or infinite weights after one step")
    if torch.equal(before, weight):
        raise SpecError(f"optimizer {part.name} changes no weight in a step")


def _loss(part: Part, recipe: Recipe, classes: int) -> None:
    labels = torch.arange(_SAMPLES) % classes
    mixed = functional.one_hot(labels, classes).float() if recipe.mixup or recipe.cutmix else None
    logits = torch.randn(_SAMPLES, classes, requires_grad=True)
    value = own_parts.loss(part, recipe)(logits, labels if mixed is None else mixed)
    _check_finite(part, value)
    if not value.requires_grad:
        raise SpecError(f"loss {part.name} has no gradient: it must be computed from the logits by torch's functions")
    (gradient,) = torch.autograd.grad(value, logits)
    _check_finite(part, gradient)


def _check_finite(part: Part, value: Tensor) -> None:
    if not bool(value.isfinite().all()):
        raise SpecError(f"loss {part.name} gives NaN or infinite values for random logits")
