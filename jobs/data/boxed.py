"""Augmentations of images with boxes and masks, by torchvision's transforms.

shift: by up to an eighth of each side. flip: mirrored with probability 0.5. flip-shift: in addition, with probability
0.5 shifted by up to 0.04 of each side, which is 32 of the 800 pixels that YOLOF resizes to (Chen et al., You only look
one-level feature, CVPR 2021, section 5). ssd: colours are distorted, the image is placed on a larger canvas of one
colour, a region with a random minimum IoU with the objects is cropped, and the result is mirrored with probability 0.5
(Liu et al., SSD: single shot multibox detector, ECCV 2016, section 2.2, with the values of torchvision's references).
"""

from __future__ import annotations

from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import SMALLEST

FILL = (123, 117, 104)
"""The colour of the canvas around a zoomed-out image: ImageNet's mean, in 0..255."""

_SHIFT = 0.04


def shift() -> Transformed:
    """Shift only, for images that must not be mirrored, such as digits."""
    return Transformed(v2.Compose([v2.RandomAffine(degrees=0, translate=(1 / 8, 1 / 8)), _sanitized()]), resizes=True)


def flip() -> Transformed:
    """Mirror with probability 0.5."""
    return Transformed(v2.RandomHorizontalFlip())


def flip_shift() -> Transformed:
    """The augmentation of YOLOF."""
    shifted = v2.RandomApply([v2.RandomAffine(degrees=0, translate=(_SHIFT, _SHIFT))])
    return Transformed(v2.Compose([v2.RandomHorizontalFlip(), shifted, _sanitized()]), resizes=True)


def ssd() -> Transformed:
    """The augmentation of SSD."""
    return Transformed(
        v2.Compose(
            [
                v2.RandomPhotometricDistort(),
                v2.RandomZoomOut(fill=FILL),
                v2.RandomIoUCrop(),
                v2.RandomHorizontalFlip(),
                _sanitized(),
            ]
        ),
        resizes=True,
    )


def _sanitized() -> v2.Transform:
    """Removes objects of which too little is left."""
    return v2.SanitizeBoundingBoxes(min_size=SMALLEST)


AUGMENTS = {"shift": shift, "flip": flip, "flip-shift": flip_shift, "ssd": ssd}
"""Augmentations by their names in recipes."""


class Transformed:
    """Applies a torchvision transform to a picture. resizes: afterwards, use the areas of the boxes as object areas."""

    def __init__(self, transform: v2.Transform, *, resizes: bool = False) -> None:
        self._transform, self._resizes = transform, resizes

    def __call__(self, picture: Picture) -> Picture:
        """The transformed picture; objects that are no longer visible are removed."""
        boxes = torch.from_numpy(picture.objects.boxes)
        sample: dict[str, Any] = {
            "image": picture.image,
            "boxes": tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=picture.size),
            "labels": torch.arange(len(boxes)),  # indices, to identify the remaining objects
        }
        maps = {"masks": picture.masks, "classes": picture.classes}
        sample |= {name: tv_tensors.Mask(torch.from_numpy(value)) for name, value in maps.items() if value is not None}
        result = self._transform(sample)
        boxes = result["boxes"].as_subclass(torch.Tensor)
        objects = picture.objects.at(result["labels"].numpy())._replace(boxes=boxes.numpy())
        if self._resizes:
            objects = objects._replace(area=(boxes[:, 2:] - boxes[:, :2]).prod(1).numpy())
        transformed_maps = {name: result[name].numpy() for name in maps if name in sample}
        return picture._replace(image=result["image"], objects=objects, **transformed_maps)
