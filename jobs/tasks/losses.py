"""The losses of classifiers."""

from __future__ import annotations

from functools import partial

from torch import Tensor
from torch.nn import functional

from attnctl.recipes import own_parts, parts
from attnctl.recipes.own_parts import Loss
from attnctl.spec import Recipe


def open_loss(recipe: Recipe, code: str) -> Loss:
    """The loss of a classifier. code: the run's `Versions.recipe`. Raises SpecError, and what users' code raises."""
    (part,) = parts.of_run(recipe, code, "loss")
    if part.version:
        return own_parts.loss(part, recipe)
    options = parts.arguments(part, recipe)
    if part.name == "bce":
        return partial(binary, smoothing=recipe.label_smoothing, **options)
    if part.name == "focal":
        return partial(focal, smoothing=recipe.label_smoothing, **options)
    return partial(functional.cross_entropy, label_smoothing=recipe.label_smoothing)


def binary(logits: Tensor, targets: Tensor, *, smoothing: float, threshold: float) -> Tensor:
    """The mean binary cross-entropy of each class against all others (Wightman et al., ResNet strikes back, 2021).

    targets: class indices (B,) or weights (B, classes). threshold: weights above it count as 1, others as 0; 0: as they
    are.
    """
    weights = _weights(logits, targets, smoothing)
    if threshold:
        weights = (weights > threshold).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, weights)


def focal(logits: Tensor, targets: Tensor, *, smoothing: float, gamma: float) -> Tensor:
    """The mean cross-entropy in which a class of probability p counts (1 - p)^gamma (Lin et al., 2017)."""
    logs = logits.log_softmax(1)
    return -(_weights(logits, targets, smoothing) * (1 - logs.exp()) ** gamma * logs).sum(1).mean()


def _weights(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """The weights of the classes (B, classes), smoothed."""
    classes = logits.shape[1]
    weights = functional.one_hot(targets, classes) if targets.ndim == 1 else targets
    return weights.to(logits.dtype) * (1 - smoothing) + smoothing / classes
