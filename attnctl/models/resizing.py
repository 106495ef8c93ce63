"""Preparing images and targets for torchvision's detectors: resized, normalised, without untrainable objects."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from attnctl.models.targets import Target, learned

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
"""Of ImageNet, as the classification networks are trained with."""


class Resizing(GeneralizedRCNNTransform):  # type: ignore[misc] # torchvision has no types
    """torchvision's; crowds and boxes of no area are left out, a target's class map `semantic` is resized too."""

    def forward(self, images: Sequence[Tensor] | Tensor, targets: Sequence[Target] | None = None) -> Any:
        """images: (3, H, W) each, in 0..1 -> the images as one batch, and the targets in its pixels."""
        return super().forward(list(images), None if targets is None else [_learned(target) for target in targets])

    def resize(self, image: Tensor, target: Target | None = None) -> Any:
        """image: (3, H, W) -> the image and its target, resized."""
        image, target = super().resize(image, target)
        if target is not None and "semantic" in target:
            labels = target["semantic"][None, None].float()
            target["semantic"] = functional.interpolate(labels, size=image.shape[-2:])[0, 0].long()
        return image, target


def _learned(target: Target) -> Target:
    kept = learned(target)
    objects = {name: target[name][kept] for name in ("boxes", "labels", "masks") if name in target}
    return objects | ({"semantic": target["semantic"]} if "semantic" in target else {})
