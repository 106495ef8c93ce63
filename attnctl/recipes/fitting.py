"""Checking that a recipe fits the task: fields that would have no effect are refused."""

from __future__ import annotations

from attnctl.datasets import Dataset
from attnctl.spec import Recipe, Task, recipe_fields
from attnctl.values import SpecError, comma_join, format_value

AUGMENTATIONS = {
    "classify": ("none", "shift", "crop-flip"),
    "detect": ("none", "shift", "flip", "flip-shift", "ssd", "mosaic"),
    "instance": ("none", "flip"),
    "segment": ("none", "flip", "seg"),
}
"""Task -> its augmentations; for classification of image files see `check`."""

_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "classify": ("norms", "min_sizes", "max_size", "no_aug_epochs", "backbone_lr"),
    "detect": ("label_smoothing", "mixup", "cutmix"),
    "instance": ("label_smoothing", "mixup", "cutmix", "no_aug_epochs"),
    "segment": ("mixup", "cutmix", "min_sizes", "max_size", "no_aug_epochs"),
}
"""Task -> the fields that belong to other tasks only."""


def check(recipe: Recipe, task: Task, dataset: Dataset) -> None:
    """Raise SpecError for a field that does not apply to the task or the data set."""
    fitting = ("none", "imagenet") if dataset.layout == "imagefolder" else AUGMENTATIONS[task]
    if recipe.augment not in fitting:
        where = dataset.name if task == "classify" else f"the task {task}"
        raise SpecError(f"augment {recipe.augment} does not fit {where}; choose one of {comma_join(fitting)}")
    for name in _ELSEWHERE[task]:
        value = getattr(recipe, name)
        if value != recipe_fields()[name].metadata["neutral"] and not (name == "norms" and value == "sync"):
            raise SpecError(f"{name}={format_value(value)} does not apply to the task {task}")
