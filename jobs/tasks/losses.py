"""The losses of classifiers."""

from __future__ import annotations

from functools import partial

from torch.nn import functional

from attnctl.recipes import own_parts, parts
from attnctl.recipes.own_parts import Loss
from attnctl.spec import Recipe


def open_loss(recipe: Recipe, code: str) -> Loss:
    """The loss of a classifier. code: the run's `Versions.recipe`. Raises SpecError, and what users' code raises."""
    (part,) = parts.of_run(recipe, code, "loss")
    if part.version:
        return own_parts.loss(part, recipe)
    return partial(functional.cross_entropy, label_smoothing=recipe.label_smoothing)
