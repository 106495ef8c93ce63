"""What a detector gave for each image of an evaluation, beside what is true of it; gathered from all ranks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from faster_coco_eval.core import mask as rle
from torch import Tensor

from attnctl.files import write_atomic

if TYPE_CHECKING:
    from attnctl.jobs.runtime.group import Group

Floats = npt.NDArray[np.float64]
Rle = Mapping[str, Any]
"""A binary mask, run-length encoded as COCO does it: `size` (height, width) and `counts`."""

_ON = 0.5
"""A pixel is an object's when the network says so with more than this."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the network gave for one image, as it ordered it.

    boxes: (N, 4), x1 y1 x2 y2 in pixels. labels: (N,) from 1. scores: (N,). masks: of each, in an instance
    segmentation.
    """

    boxes: Floats
    labels: npt.NDArray[np.int64]
    scores: Floats
    masks: tuple[Rle, ...] | None


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """What is annotated on one image; area in pixels, of the object and not of its box where the data say so."""

    boxes: Floats
    labels: npt.NDArray[np.int64]
    area: Floats
    crowd: npt.NDArray[np.bool_]
    difficult: npt.NDArray[np.bool_]
    masks: tuple[Rle, ...] | None


@dataclass(frozen=True)
class Image:
    """One evaluated image. number: its id in the data set."""

    number: int
    found: Found
    true: Annotated

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its masks; 0 where it has none."""
        masks = self.found.masks or self.true.masks
        height, width = masks[0]["size"] if masks else (0, 0)
        return height, width


class Detections:
    """The images of an evaluation. What a metric of detections computes from is here; `values` says how.

    categories: the data set's id of each label, which are 1, 2, ...; those ids may have gaps. masks: the networks
    give masks, and the targets hold them.
    """

    def __init__(self, categories: Sequence[int], *, masks: bool = False) -> None:
        self.categories = tuple(categories)
        self.masks = masks
        self._images: list[Image] = []
        self._group: Group | None = None

    @property
    def count(self) -> int:
        """Images taken in; after `gather` those of all ranks, on rank 0."""
        return len(self._images)

    @property
    def images(self) -> Sequence[Image]:
        """The images in the order of their numbers, so that equal scores rank alike for every number of ranks."""
        return sorted(self._images, key=lambda image: image.number)

    def update(self, outputs: Sequence[Mapping[str, Tensor]], targets: Sequence[Mapping[str, Tensor]]) -> None:
        """Take in a batch. outputs, targets: of each image, as torchvision's detectors give and take them.

        targets also hold area, iscrowd and image_id, and may hold `difficult`. A detection whose box or score is not
        finite is left out. Raises ValueError for a label that the data set does not have.
        """
        for output, target in zip(outputs, targets, strict=True):
            found, true = self._found(output), self._true(target)
            for labels in (found.labels, true.labels):
                if len(labels) and not 1 <= labels.min() <= labels.max() <= len(self.categories):
                    raise ValueError(f"labels {labels.min()} to {labels.max()} are not in 1 to {len(self.categories)}")
            self._images.append(Image(int(target["image_id"]), found, true))

    def gather(self, group: Group) -> None:
        """Bring all ranks' images together on rank 0; raises RuntimeError there when an image came twice."""
        self._group = group
        parts = group.gathered(self._images)
        self._images = [image for part in parts for image in part]
        numbers = {image.number for image in self._images}
        if len(numbers) < len(self._images):
            raise RuntimeError(f"{len(self._images) - len(numbers)} images were evaluated twice")

    def compute(self) -> dict[str, float]:
        """The values by their names, in percent; computed on rank 0, alike on all."""
        if self._group is None:
            return self.values()
        return self._group.choice(self.values() if self._group.first else {})

    def values(self) -> dict[str, float]:
        """The values of the images that are here."""
        raise NotImplementedError

    # ----------------------------------------------------------------------------------------------------------- files

    def write(self, path: Path) -> None:
        """Keep the detections in COCO's result format, by image and then as the network ordered them."""
        write_atomic(path, json.dumps(list(self.results())).encode())

    def results(self) -> Iterator[dict[str, Any]]:
        """The detections as COCO's result format has them: boxes are x, y, width, height; to the digits of float32."""
        for image in self.images:
            found = image.found
            for k, (box, label, score) in enumerate(
                zip(corners_to_sizes(found.boxes).tolist(), found.labels.tolist(), found.scores.tolist(), strict=True)
            ):
                result = {
                    "image_id": image.number,
                    "category_id": self.categories[label - 1],
                    "bbox": [_short(value) for value in box],
                    "score": _short(score),
                }
                if found.masks is not None:
                    result["segmentation"] = {
                        "size": list(found.masks[k]["size"]),
                        "counts": found.masks[k]["counts"].decode(),
                    }
                yield result

    # --------------------------------------------------------------------------------------------------------- tensors

    def _found(self, output: Mapping[str, Tensor]) -> Found:
        boxes, scores = _floats(output["boxes"]), _floats(output["scores"])
        good = np.isfinite(boxes).all(1) & np.isfinite(scores)
        return Found(
            boxes=boxes[good],
            labels=output["labels"].cpu().numpy()[good],
            scores=scores[good],
            masks=_encoded((output["masks"][:, 0] > _ON)[torch.from_numpy(good)]) if self.masks else None,
        )

    def _true(self, target: Mapping[str, Tensor]) -> Annotated:
        difficult = target.get("difficult")
        crowd = target["iscrowd"].cpu().numpy().astype(bool)
        return Annotated(
            boxes=_floats(target["boxes"]),
            labels=target["labels"].cpu().numpy(),
            area=_floats(target["area"]),
            crowd=crowd,
            difficult=np.zeros_like(crowd) if difficult is None else difficult.cpu().numpy().astype(bool),
            masks=_encoded(target["masks"]) if self.masks else None,
        )


def corners_to_sizes(boxes: Floats) -> Floats:
    """(N, 4) x1 y1 x2 y2 -> x, y, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def _floats(tensor: Tensor) -> Floats:
    array: Floats = tensor.detach().cpu().numpy().astype(np.float64)
    return array


def _encoded(masks: Tensor) -> tuple[Rle, ...]:
    """(N, H, W) of 0 and 1 -> the run-length codes."""
    if not len(masks):
        return ()
    columns = np.asfortranarray(masks.to(torch.uint8).permute(1, 2, 0).cpu().numpy())
    return tuple(rle.encode(columns))


def _short(value: float) -> float:
    """The number in as few digits as tell float32 values apart."""
    return float(f"{value:.9g}")
