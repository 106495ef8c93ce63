"""Preparing images and targets for torchvision's detectors: resized, normalised, without untrainable objects."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from attnctl.models.targets import Target, trainable

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
"""Of ImageNet, with which the classification networks are trained."""


class Resizing(GeneralizedRCNNTransform):  # type: ignore[misc] # torchvision has no types
    """torchvision's transform; it also drops crowds and boxes of zero area, and resizes the class map `semantic`."""

    def forward(self, images: Sequence[Tensor] | Tensor, targets: Sequence[Target] | None = None) -> Any:
        """images: (3, H, W) each, in 0..1 -> the images as one batch, and the targets in its pixel coordinates."""
        return super().forward(list(images), None if targets is None else [_trainable(target) for target in targets])

    def resize(self, image: Tensor, target: Target | None = None) -> Any:
        """image: (3, H, W) -> the image and its target, resized."""
        image, target = super().resize(image, target)
        if target is not None and "semantic" in target:
            labels = target["semantic"][None, None].float()
            target["semantic"] = functional.interpolate(labels, size=image.shape[-2:])[0, 0].long()
        return image, target


def _trainable(target: Target) -> Target:
    mask = trainable(target)
    objects = {name: target[name][mask] for name in ("boxes", "labels", "masks") if name in target}
    return objects | ({"semantic": target["semantic"]} if "semantic" in target else {})
