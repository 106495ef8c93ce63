"""Creating the parts of recipes that are in users' files. Imports torch: used where a run is trained or probed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from attnctl.recipes import parts
from attnctl.recipes.parts import Part
from attnctl.spec import Recipe
from attnctl.values import SpecError

Loss = Callable[[Tensor, Tensor], Tensor]
"""(logits (B, classes); targets (B,) class indices, or with mixup and CutMix (B, classes) weights) -> the mean loss."""

Measure = Callable[[Tensor, Tensor], float]
"""(logits (N, classes) and class indices (N,) of all evaluated samples, in their order, on the CPU) -> the metric."""

Factor = Callable[[int, int], float]
"""(step after the warm-up, from 0; number of such steps) -> factor on the recipe's learning rate."""


def optimizer(part: Part, recipe: Recipe, parameters: Iterable[Mapping[str, Any]]) -> Optimizer:
    """A user's optimizer over groups of parameters; raises SpecError if it is not one, and what its code raises."""
    with seeded():
        created = parts.imported(part)(parameters, **parts.arguments(part, recipe))
    if not isinstance(created, Optimizer):
        raise SpecError(f"optimizer {part.name} is a {type(created).__name__}; it must be a torch.optim.Optimizer")
    return created


def schedule(recipe: Recipe, code: str) -> Factor | None:
    """The user's schedule of a recipe; None if it has one of attnctl's own. code: the run's `Versions.recipe`.

    The schedule raises SpecError for a factor that is not a finite number of at least 0.
    """
    (part,) = parts.of_run(recipe, code, "schedule")
    if not part.version:
        return None
    function = _created(part, recipe)

    def factor(step: int, steps: int) -> float:
        value = function(step, steps)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise SpecError(
                f"schedule {part.name} gives {_shown(value)} at step {step} of {steps}; it must give a number from 0 on"
            )
        return float(value)

    return factor


def loss(part: Part, recipe: Recipe) -> Loss:
    """A user's loss; it raises SpecError if it does not give one number. Raises SpecError, and what its code raises."""
    created = _created(part, recipe)
    if isinstance(created, nn.Module) and next(created.parameters(), None) is not None:
        raise SpecError(f"loss {part.name} has parameters, which no optimizer would train; use buffers")

    def mean(logits: Tensor, targets: Tensor) -> Tensor:
        if isinstance(created, nn.Module):
            created.to(logits.device)
        value = created(logits, targets)
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = tuple(value.shape) if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise SpecError(f"loss {part.name} gives {shape}; it must give the mean over the batch, one number")
        return value.reshape(())

    return mean


def augmentation(part: Part, recipe: Recipe, side: int) -> Callable[[Tensor], Tensor]:
    """A user's augmentation of images (3, height, width) uint8 to (3, side, side) uint8; raises SpecError otherwise.

    Python's, numpy's and torch's generators are seeded from torch's for each image.
    """
    created = _created(part, recipe)

    def change(image: Tensor) -> Tensor:
        with seeded(int(torch.randint(2**31, ()))):
            result = created(image)
        expected = (len(image), side, side)
        if not isinstance(result, Tensor) or result.dtype != torch.uint8 or tuple(result.shape) != expected:
            given = f"{tuple(result.shape)} {result.dtype}" if isinstance(result, Tensor) else type(result).__name__
            raise SpecError(f"augment {part.name} gives {given} for an image; it must give {expected} torch.uint8")
        return result

    return change


def metrics(recipe: Recipe, code: str) -> dict[str, Measure]:
    """The user's metrics of a recipe by their columns' names; empty if it has none. code: `Versions.recipe`.

    Each call creates a new one, and raises SpecError if its result is not a finite number.
    """
    return {
        part.attribute: partial(_measured, part, recipe)
        for part in parts.of_run(recipe, code, "metrics")
        if part.version
    }


def _measured(part: Part, recipe: Recipe, logits: Tensor, labels: Tensor) -> float:
    function = _created(part, recipe)
    with seeded():
        value = function(logits, labels)
    scalar = isinstance(value, np.generic) or (isinstance(value, Tensor) and value.numel() == 1)
    number = value.item() if scalar else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise SpecError(f"metric {part.name} gives {_shown(number)}; it must give one finite number")
    return float(number)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value!r:.40}"


def _created(part: Part, recipe: Recipe) -> Callable[..., Any]:
    """An object of the user's class, or the user's function with its options."""
    options = parts.arguments(part, recipe)
    with seeded():
        made = parts.imported(part)
        if not part.is_class:
            return partial(made, **options)
        created = made(**options)
    if not callable(created):
        raise SpecError(f"{part.kind} {part.name} cannot be called; define __call__, or forward of a torch.nn.Module")
    called: Callable[..., Any] = created
    return called


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Seed all generators, so that a resumed run has the same values as an uninterrupted one; restore them after."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
