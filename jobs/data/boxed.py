"""Augmentation of images with boxes and masks, by torchvision's transforms.

shift: by up to an eighth of each side. flip: mirrored in half of the cases. flip-shift: then, in half of the cases,
shifted by up to 0.04 of each side, which is 32 of the 800 pixels that YOLOF resizes to (Chen et al., You only look
one-level feature, CVPR 2021, section 5). ssd: colours distorted, the image put into a larger plain one, a part cut out
that overlaps the objects by a drawn IoU, and mirrored (Liu et al., SSD: single shot multibox detector, ECCV 2016,
section 2.2, with the values of torchvision's reference training).
"""

from __future__ import annotations

from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import SMALLEST

PLAIN = (123, 117, 104)
"""The colour around an image that was zoomed out: the mean of ImageNet's, in 0..255."""

_SHIFT = 0.04


def shift() -> Transformed:
    """For what must not be mirrored, as digits."""
    return Transformed(v2.Compose([v2.RandomAffine(degrees=0, translate=(1 / 8, 1 / 8)), _sanitized()]), resizes=True)


def flip() -> Transformed:
    """Mirrored in half of the cases."""
    return Transformed(v2.RandomHorizontalFlip())


def flip_shift() -> Transformed:
    """What YOLOF trains with."""
    moved = v2.RandomApply([v2.RandomAffine(degrees=0, translate=(_SHIFT, _SHIFT))])
    return Transformed(v2.Compose([v2.RandomHorizontalFlip(), moved, _sanitized()]), resizes=True)


def ssd() -> Transformed:
    """What SSD trains with."""
    return Transformed(
        v2.Compose(
            [
                v2.RandomPhotometricDistort(),
                v2.RandomZoomOut(fill=PLAIN),
                v2.RandomIoUCrop(),
                v2.RandomHorizontalFlip(),
                _sanitized(),
            ]
        ),
        resizes=True,
    )


def _sanitized() -> v2.Transform:
    """Without the objects of which too little is left."""
    return v2.SanitizeBoundingBoxes(min_size=SMALLEST)


AUGMENTS = {"shift": shift, "flip": flip, "flip-shift": flip_shift, "ssd": ssd}
"""By the names that recipes use."""


class Transformed:
    """A transform of torchvision's, of a picture. resizes: an object's area is that of its box afterwards."""

    def __init__(self, transform: v2.Transform, *, resizes: bool = False) -> None:
        self._transform, self._resizes = transform, resizes

    def __call__(self, picture: Picture) -> Picture:
        """The transformed picture; it has fewer objects when some went out of it."""
        boxes = torch.from_numpy(picture.objects.boxes)
        sample: dict[str, Any] = {
            "image": picture.image,
            "boxes": tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=picture.size),
            "labels": torch.arange(len(boxes)),  # which object it was
        }
        maps = {"masks": picture.masks, "classes": picture.classes}
        sample |= {name: tv_tensors.Mask(torch.from_numpy(value)) for name, value in maps.items() if value is not None}
        changed = self._transform(sample)
        boxes = changed["boxes"].as_subclass(torch.Tensor)
        objects = picture.objects.at(changed["labels"].numpy())._replace(boxes=boxes.numpy())
        if self._resizes:
            objects = objects._replace(area=(boxes[:, 2:] - boxes[:, :2]).prod(1).numpy())
        changed_maps = {name: changed[name].numpy() for name in maps if name in sample}
        return picture._replace(image=changed["image"], objects=objects, **changed_maps)
