"""Augmentations of single images: torchvision's and timm's policies, and users' own.

Each draws from torch's default generator, which is seeded for the sample (`attnctl.jobs.data.loader.sample_rng`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor
from torchvision.transforms import v2

from attnctl.recipes import own_parts, parts, timm_created
from attnctl.spec import Recipe

Change = Callable[[Tensor], Tensor]
"""An image (3, height, width) uint8 -> the augmented one, of the same kind."""

POLICIES: Mapping[str, type[v2.Transform]] = {
    "randaugment": v2.RandAugment,
    "trivialaugment": v2.TrivialAugmentWide,
    "autoaugment": v2.AutoAugment,
    "augmix": v2.AugMix,
}
"""Of Cubuk et al., 2019 and 2020, Mueller and Hutter, 2021, and Hendrycks et al., 2020."""


def open_change(recipe: Recipe, code: str, side: int, mean: tuple[float, ...]) -> Change | None:
    """The recipe's augmentation of single images; None if it has another. code: the run's `Versions.recipe`.

    side: of the input, in pixels. mean: of the data set, with which random erasing fills.
    """
    (part,) = parts.of_run(recipe, code, "augment")
    if part.version:
        return own_parts.augmentation(part, recipe, side)
    if timm_created.is_timms(part):
        return timm_created.augmentation(part, recipe, side, mean)
    if part.name not in POLICIES:
        return None
    options = parts.arguments(part, recipe)
    erasing = options.pop("erasing")
    policy: Change = POLICIES[part.name](**options)
    if not erasing:
        return policy
    eraser = v2.RandomErasing(p=erasing, value=[round(255 * channel) for channel in mean])
    both: Change = v2.Compose([policy, eraser])
    return both
