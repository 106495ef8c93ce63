"""Checking that a recipe fits the task: fields that would have no effect are refused."""

from __future__ import annotations

import math

from attnctl import backbones, models
from attnctl.datasets import Dataset
from attnctl.recipe_parts import POLICIES
from attnctl.spec import Recipe, recipe_fields
from attnctl.values import SpecError, comma_join, format_value

AUGMENTATIONS = {
    "classify": ("none", "shift", "crop-flip", *POLICIES),
    "detect": ("none", "shift", "flip", "flip-shift", "ssd", "mosaic"),
    "instance": ("none", "flip"),
    "segment": ("none", "flip", "seg"),
}
"""Task -> its augmentations; for classification of image files see `check`."""

_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "classify": ("norms", "min_sizes", "max_size", "no_aug_epochs", "backbone_lr"),
    "detect": ("label_smoothing", "drop_path", "mixup", "cutmix", "weight_init", "loss", "metrics"),
    "instance": ("label_smoothing", "drop_path", "mixup", "cutmix", "no_aug_epochs", "weight_init", "loss", "metrics"),
    "segment": (
        "drop_path",
        "loss",
        "metrics",
        "mixup",
        "cutmix",
        "min_sizes",
        "max_size",
        "no_aug_epochs",
        "weight_init",
    ),
}
"""Task -> the fields that belong to other tasks only."""


def check(recipe: Recipe, model: str, dataset: Dataset) -> None:
    """Raise SpecError for a field that does not apply to the model (empty: a classifier) or the data set."""
    task = models.task(model)
    fitting = ("none", "imagenet", *POLICIES) if dataset.layout == "imagefolder" else AUGMENTATIONS[task]
    own = ":" in recipe.augment and task == "classify"
    if recipe.augment not in fitting and not own:
        where = dataset.name if task == "classify" else f"the task {task}"
        raise SpecError(f"augment {recipe.augment} does not fit {where}; choose one of {comma_join(fitting)}")
    for name in _ELSEWHERE[task]:
        value = getattr(recipe, name)
        if value != recipe_fields()[name].metadata["neutral"] and not (name == "norms" and value == "sync"):
            raise SpecError(f"{name}={format_value(value)} does not apply to the task {task}")
    if recipe.eval_resize != recipe_fields()["eval_resize"].metadata["neutral"] and dataset.layout != "imagefolder":
        raise SpecError(f"eval_resize={recipe.eval_resize} does not apply to {dataset.name}")
    for name, value in recipe.model_options().items():
        if not model or name not in models.describe(model).options:
            having = comma_join(other for other in models.names() if name in models.describe(other).options)
            what = model or "a classifier"
            raise SpecError(f"{name}={format_value(value)} does not apply to {what}, only to {having}")


def check_input(recipe: Recipe, backbone: str, dataset: Dataset) -> None:
    """Raise SpecError for images that a classifier's backbone cannot take."""
    network = backbones.describe(backbone)
    height, width = (recipe.input_size or side for side in (dataset.height, dataset.width))
    fits = all(side >= network.smallest and side % network.multiple == 0 for side in (height, width))
    if fits or not height:  # 0: each image has its own size
        return
    nearest = max(network.smallest, math.ceil(height / network.multiple) * network.multiple)
    multiples = f", with sides that are multiples of {network.multiple}" if network.multiple > 1 else ""
    raise SpecError(
        f"{network.name} takes images of at least {network.smallest}x{network.smallest}{multiples}, not "
        f"{height}x{width}; use --input-size {nearest}"
    )


def check_drop_path(recipe: Recipe, backbone: str) -> None:
    """Raise SpecError for drop path in a backbone without the residual blocks of a ResNet."""
    if recipe.drop_path and not backbones.residual_ends(backbone):
        value = format_value(recipe.drop_path)
        raise SpecError(
            f"drop_path={value} works in the residual blocks of ResNets, which {backbone} does not have; use "
            "--drop-path 0"
        )
