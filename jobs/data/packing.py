"""Packs pictures into batches of a few byte tensors, and unpacks them on the device into what networks take. Worker
processes return them packed, because each tensor needs a file descriptor, and floats would be four times as large."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.loader import Unreadable
from attnctl.jobs.data.pictures import Picture


class DetectionBatch(NamedTuple):
    """images: (3, H, W) float32 each, RGB in 0..1, each in its own size.

    targets: for each image boxes (N, 4) float32, x1 y1 x2 y2 in its pixels; labels (N,) int64 from 1; area (N,)
    float32; iscrowd and difficult (N,) uint8; image_id () int64; masks (N, H, W) uint8 for instance; semantic (H, W)
    int64, 255 for ignored pixels, if class maps are needed. N may be 0.
    """

    images: list[Tensor]
    targets: list[dict[str, Tensor]]


class Packed(NamedTuple):
    """B pictures. pixels: the bytes of their images (3, H, W), concatenated; masks, classes: the same, or None.

    sizes: (B, 2) height and width. numbers: (B,) ids. counts: (B,) numbers of objects. boxes, labels, area, flags: of
    all objects; flags: crowd and difficult, uint8.
    """

    pixels: Tensor
    sizes: Tensor
    numbers: Tensor
    counts: Tensor
    boxes: Tensor
    labels: Tensor
    area: Tensor
    flags: Tensor
    masks: Tensor | None
    classes: Tensor | None

    def to(self, device: torch.device) -> Packed:
        """Move the tensors to the device, except for sizes, numbers and counts."""
        kept = ("sizes", "numbers", "counts")
        return self._replace(
            **{
                name: value.to(device, non_blocking=True)
                for name, value in self._asdict().items()
                if value is not None and name not in kept
            }
        )


def pack(pictures: Sequence[Picture]) -> Packed:
    """The pictures, packed into a few tensors."""
    objects = [picture.objects for picture in pictures]
    masks = [picture.masks.reshape(-1) for picture in pictures if picture.masks is not None]
    classes = [picture.classes.reshape(-1) for picture in pictures if picture.classes is not None]
    flags = [np.stack([columns.crowd, columns.difficult], 1).astype(np.uint8) for columns in objects]
    return Packed(
        pixels=_pixels(pictures),
        sizes=torch.tensor([picture.size for picture in pictures]),
        numbers=torch.tensor([picture.number for picture in pictures]),
        counts=torch.tensor([len(columns.labels) for columns in objects]),
        boxes=_joined([columns.boxes for columns in objects]),
        labels=_joined([columns.labels for columns in objects]),
        area=_joined([columns.area for columns in objects]),
        flags=_joined(flags),
        masks=_joined(masks) if masks else None,
        classes=_joined(classes) if classes else None,
    )


def _pixels(pictures: Sequence[Picture]) -> Tensor:
    """The bytes of their images, by channel, row and column."""
    sizes = [3 * picture.image.height * picture.image.width for picture in pictures]
    pixels = np.empty(sum(sizes), np.uint8)
    for picture, part in zip(pictures, np.split(pixels, np.cumsum(sizes)[:-1]), strict=True):
        part.reshape(3, *picture.size)[:] = np.asarray(picture.image).transpose(2, 0, 1)
    return torch.from_numpy(pixels)


def _joined(arrays: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.concatenate(arrays))


def collate(samples: list[Picture | Unreadable]) -> Packed | Unreadable:
    """A training batch, or the first of the samples that is unreadable."""
    pictures = []
    for sample in samples:
        if isinstance(sample, Unreadable):
            return sample
        pictures.append(sample)
    return pack(pictures)


def collate_by_size(samples: list[Picture | Unreadable]) -> list[Packed] | Unreadable:
    """Evaluation batches of images of equal size, because padding would change a network's output for an image."""
    pictures = []
    for sample in samples:
        if isinstance(sample, Unreadable):
            return sample
        pictures.append(sample)
    pictures.sort(key=lambda picture: picture.size)
    return [pack(list(alike)) for _, alike in groupby(pictures, key=lambda picture: picture.size)]


def detection_batch(batch: Packed, device: torch.device) -> DetectionBatch:
    """Unpack a batch on the device for a detector."""
    batch = batch.to(device)
    sizes, counts = batch.sizes.tolist(), batch.counts.tolist()
    areas = [height * width for height, width in sizes]
    parts = torch.split(batch.pixels, [3 * area for area in areas])
    images = [part.view(3, *size).float().div_(255) for part, size in zip(parts, sizes, strict=True)]
    columns = {
        "boxes": torch.split(batch.boxes, counts),
        "labels": torch.split(batch.labels, counts),
        "area": torch.split(batch.area, counts),
        "iscrowd": torch.split(batch.flags[:, 0], counts),
        "difficult": torch.split(batch.flags[:, 1], counts),
        "image_id": batch.numbers.unbind(),
    }
    if batch.masks is not None:
        masks = torch.split(batch.masks, [count * area for count, area in zip(counts, areas, strict=True)])
        columns["masks"] = tuple(
            part.view(count, *size) for part, count, size in zip(masks, counts, sizes, strict=True)
        )
    if batch.classes is not None:
        maps = torch.split(batch.classes, areas)
        columns["semantic"] = tuple(part.view(*size).long() for part, size in zip(maps, sizes, strict=True))
    return DetectionBatch(images, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])


def segmentation_batch(batch: Packed, normalize: Normalize, device: torch.device) -> tuple[Tensor, Tensor]:
    """Unpack a batch on the device: (images (B, 3, H, W) float32 normalised, classes (B, H, W) int64).

    Raises DataError for images of different sizes.
    """
    batch = batch.to(device)
    assert batch.classes is not None, "packed without class maps"
    sizes = {tuple(size) for size in batch.sizes.tolist()}
    if len(sizes) > 1:
        height, width = min(sizes)
        raise DataError(
            f"images of {len(sizes)} sizes, such as {width}x{height}, do not fit into one batch; augment=seg crops "
            "them to one size"
        )
    shape = (len(batch.counts), -1, *sizes.pop())
    return normalize(batch.pixels.view(shape)), batch.classes.view(shape[0], *shape[2:]).long()
