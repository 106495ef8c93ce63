"""mixup and CutMix of a batch with the batch rolled by one, as in torchvision.transforms.v2 and timm.

mixup: Zhang et al., 2018. CutMix: Yun et al., 2019. If both are enabled, each batch uses one of them, with equal
probability.
"""

from __future__ import annotations

import math
import random

from torch import Tensor
from torch.nn import functional

from attnctl.jobs.data.seeding import derive


class Mixing:
    """mixup and CutMix with their alphas; 0 disables one. Draws once per (step, replica) from Python's generator."""

    def __init__(self, mixup: float, cutmix: float, classes: int, seed: int) -> None:
        self._alphas = {kind: alpha for kind, alpha in (("mixup", mixup), ("cutmix", cutmix)) if alpha > 0}
        self._classes = classes
        self._seed = seed

    def __call__(self, images: Tensor, labels: Tensor, step: int, replica: int) -> tuple[Tensor, Tensor]:
        """images: (B, C, H, W), labels: (B,) int64 -> mixed images and labels (B, classes) float32.

        Returns the arguments unchanged if both are disabled.
        """
        if not self._alphas:
            return images, labels
        draw = random.Random(derive(self._seed, "mix", step, replica))
        kind = draw.choice(list(self._alphas))
        kept = draw.betavariate(self._alphas[kind], self._alphas[kind])
        if kind == "mixup":
            images = images * kept + images.roll(1, 0) * (1 - kept)
        else:
            images, kept = _paste(images, kept, draw)
        targets = functional.one_hot(labels, self._classes).float()
        return images, targets * kept + targets.roll(1, 0) * (1 - kept)


def _paste(images: Tensor, kept: float, draw: random.Random) -> tuple[Tensor, float]:
    """Images with a box of about (1 - kept) of the area from their neighbours, and the fraction that was kept."""
    height, width = images.shape[-2:]
    x, y = draw.randrange(width), draw.randrange(height)
    half = 0.5 * math.sqrt(1 - kept)
    left, right = max(x - int(half * width), 0), min(x + int(half * width), width)
    top, bottom = max(y - int(half * height), 0), min(y + int(half * height), height)
    pasted = images.clone()
    pasted[..., top:bottom, left:right] = images[..., top:bottom, left:right].roll(1, 0)
    return pasted, 1 - (right - left) * (bottom - top) / (width * height)
