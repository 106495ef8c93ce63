"""timm's schedules and augmentations, created where a run is trained. Imports torch and timm."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from attnctl.recipes import own_parts, parts, timm_parts
from attnctl.recipes.parts import Part
from attnctl.spec import Recipe
from attnctl.values import format_value

_CLASSES = {"cosine": "CosineLRScheduler", "tanh": "TanhLRScheduler", "poly": "PolyLRScheduler"}
_SHARE = 0.45  # of the side: how far timm's own training moves an image


def is_timms(part: Part) -> bool:
    """Whether a part of a recipe is timm's."""
    return part.name.startswith(timm_parts.PREFIX)


def schedule(recipe: Recipe, code: str) -> own_parts.Factor | None:
    """timm's schedule of a recipe, whose cycles together take all steps after the warm-up; None if it has another.

    code: the run's `Versions.recipe`.
    """
    (part,) = parts.of_run(recipe, code, "schedule")
    if not is_timms(part):
        return None
    options = parts.arguments(part, recipe)
    kind = getattr(import_module("timm.scheduler"), _CLASSES[part.name.removeprefix(timm_parts.PREFIX)])
    multiple, count = options["cycle_mul"], options["cycle_limit"]
    cycles = sum(multiple**number for number in range(count))
    made: dict[int, Any] = {}

    def factor(step: int, steps: int) -> float:
        if steps not in made:
            group = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=recipe.lr)
            made[steps] = group, kind(group, t_initial=steps / cycles, **options)
        group, scheduler = made[steps]
        scheduler.step(step)
        return float(group.param_groups[0]["lr"]) / recipe.lr

    return factor


def augmentation(part: Part, recipe: Recipe, side: int, mean: tuple[float, ...]) -> Callable[[Tensor], Tensor]:
    """timm's augmentation of images (3, height, width) uint8, seeded from torch's generator for each image."""
    options = parts.arguments(part, recipe)
    erasing = options.pop("erasing")
    fill = [min(255, round(255 * channel)) for channel in mean]
    module = import_module("timm.data.auto_augment")
    hparams = {"translate_const": int(_SHARE * side), "img_mean": tuple(fill)}
    name = part.name.removeprefix(timm_parts.PREFIX)
    made = {
        "rand": module.rand_augment_transform,
        "auto": module.auto_augment_transform,
        "augmix": module.augment_and_mix_transform,
    }[name]
    change = made(_text(name, options), hparams)
    eraser = v2.RandomErasing(p=erasing, value=fill)

    def changed(image: Tensor) -> Tensor:
        with own_parts.seeded(int(torch.randint(2**31, ()))):
            result: Tensor = v2.functional.pil_to_tensor(change(v2.functional.to_pil_image(image)))
        return eraser(result) if erasing else result

    return changed


def _text(name: str, options: dict[str, Any]) -> str:
    """The options as timm's command line has them: `rand-m9-n2-p0.5`. Of flags, 0 or 1."""
    first = str(options.pop("policy", name))
    given = {key: value for key, value in options.items() if value >= 0}  # d=-1: any depth, which it has no text for
    return "-".join([first, *(f"{key}{format_value(float(value))}" for key, value in given.items())])
