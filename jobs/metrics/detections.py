"""The detections and annotations of the images of an evaluation, gathered from all ranks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from faster_coco_eval.core import mask as rle
from torch import Tensor

from attnctl.files import write_atomic

if TYPE_CHECKING:
    from attnctl.jobs.runtime.group import Group

S = TypeVar("S", bound=np.generic)
Floats = npt.NDArray[np.float64]
Rle = Mapping[str, Any]
"""A binary mask in COCO's run-length encoding: `size` (height, width) and `counts`."""

_MASK_THRESHOLD = 0.5
"""A pixel belongs to an object if the network's mask is above this."""


@dataclass(frozen=True, kw_only=True)
class DetectedObjects:
    """The network's output for one image, in its order.

    boxes: (N, 4), x1 y1 x2 y2 in pixels. labels: (N,) from 1. scores: (N,). masks: of each object, for instance
    segmentation.
    """

    boxes: Floats
    labels: npt.NDArray[np.int64]
    scores: Floats
    masks: tuple[Rle, ...] | None


@dataclass(frozen=True, kw_only=True)
class AnnotatedObjects:
    """The annotations of one image. area: in pixels, of the object rather than its box if the data set has it."""

    boxes: Floats
    labels: npt.NDArray[np.int64]
    area: Floats
    crowd: npt.NDArray[np.bool_]
    difficult: npt.NDArray[np.bool_]
    masks: tuple[Rle, ...] | None


@dataclass(frozen=True)
class Image:
    """An evaluated image. number: its id in the data set."""

    number: int
    detected: DetectedObjects
    annotated: AnnotatedObjects

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its masks; 0 if it has none."""
        masks = self.detected.masks or self.annotated.masks
        height, width = masks[0]["size"] if masks else (0, 0)
        return height, width


class Detections:
    """Collects the images of an evaluation; subclasses compute a metric from them in `values`.

    categories: the data set's id of each label 1, 2, ...; ids may have gaps. masks: the networks and the targets have
    masks.
    """

    def __init__(self, categories: Sequence[int], *, masks: bool = False) -> None:
        self.categories = tuple(categories)
        self.masks = masks
        self._images: list[Image] = []
        self._group: Group | None = None

    @property
    def count(self) -> int:
        """The number of images added; after `gather`, of those of all ranks, on rank 0."""
        return len(self._images)

    @property
    def images(self) -> Sequence[Image]:
        """The images sorted by number, so that detections with equal scores rank equally for any number of ranks."""
        return sorted(self._images, key=lambda image: image.number)

    def update(self, outputs: Sequence[Mapping[str, Tensor]], targets: Sequence[Mapping[str, Tensor]]) -> None:
        """Add a batch. outputs, targets: one for each image, in the format of torchvision's detectors.

        targets also contain area, iscrowd and image_id, and optionally `difficult`. Detections whose box or score is
        not finite are left out. Raises ValueError for a label that the data set does not have.
        """
        for output, target in zip(outputs, targets, strict=True):
            detected, annotated = self._detected(output), self._annotated(target)
            for labels in (detected.labels, annotated.labels):
                if len(labels) and not 1 <= labels.min() <= labels.max() <= len(self.categories):
                    raise ValueError(f"labels {labels.min()} to {labels.max()} are not in 1 to {len(self.categories)}")
            self._images.append(Image(int(target["image_id"]), detected, annotated))

    def gather(self, group: Group) -> None:
        """Collect the images of all ranks on rank 0; raises RuntimeError there if an image was evaluated twice."""
        self._group = group
        parts = group.gather([_packed(image) for image in self._images])
        self._images = [_unpacked(image) for part in parts for image in part]
        numbers = {image.number for image in self._images}
        if len(numbers) < len(self._images):
            raise RuntimeError(f"{len(self._images) - len(numbers)} images were evaluated twice")

    def compute(self) -> dict[str, float]:
        """The values by their names, in percent; computed on rank 0, equal on all ranks."""
        if self._group is None:
            return self.values()
        return self._group.broadcast(self.values() if self._group.first else {})

    def values(self) -> dict[str, float]:
        """The values for the images added so far."""
        raise NotImplementedError

    def class_values(self) -> dict[int, dict[str, float]]:
        """Label -> the values of that class alone, for the classes that have objects to detect."""
        raise NotImplementedError

    # ----------------------------------------------------------------------------------------------------------- files

    def write(self, path: Path) -> None:
        """Write the detections in COCO's result format, by image and in the network's order."""
        write_atomic(path, json.dumps(list(self.results())).encode())

    def results(self) -> Iterator[dict[str, Any]]:
        """The detections in COCO's result format: boxes are x, y, width, height; numbers have float32's precision."""
        for image in self.images:
            detected = image.detected
            boxes = corners_to_sizes(detected.boxes).tolist()
            for k, (box, label, score) in enumerate(
                zip(boxes, detected.labels.tolist(), detected.scores.tolist(), strict=True)
            ):
                result = {
                    "image_id": image.number,
                    "category_id": self.categories[label - 1],
                    "bbox": [_short(value) for value in box],
                    "score": _short(score),
                }
                if detected.masks is not None:
                    result["segmentation"] = {
                        "size": list(detected.masks[k]["size"]),
                        "counts": detected.masks[k]["counts"].decode(),
                    }
                yield result

    # --------------------------------------------------------------------------------------------------------- tensors

    def _detected(self, output: Mapping[str, Tensor]) -> DetectedObjects:
        boxes, scores = _floats(output["boxes"]), _floats(output["scores"])
        good = np.isfinite(boxes).all(1) & np.isfinite(scores)
        return DetectedObjects(
            boxes=boxes[good],
            labels=_integers(output["labels"])[good],
            scores=scores[good],
            masks=_encode((output["masks"][:, 0] > _MASK_THRESHOLD)[torch.from_numpy(good)]) if self.masks else None,
        )

    def _annotated(self, target: Mapping[str, Tensor]) -> AnnotatedObjects:
        difficult = target.get("difficult")
        crowd = target["iscrowd"].cpu().numpy().astype(bool)
        return AnnotatedObjects(
            boxes=_floats(target["boxes"]),
            labels=_integers(target["labels"]),
            area=_floats(target["area"]),
            crowd=crowd,
            difficult=np.zeros_like(crowd) if difficult is None else difficult.cpu().numpy().astype(bool),
            masks=_encode(target["masks"]) if self.masks else None,
        )


# ------------------------------------------------------------------------------------------------- between processes

_BOX, _NUMBER = (-1, 4), (-1,)


def _packed(image: Image) -> dict[str, Any]:
    """An image as JSON has it: arrays as the base64 text of their bytes, which keeps every bit."""
    packed: dict[str, Any] = {"number": image.number}
    for part, objects in (("detected", image.detected), ("annotated", image.annotated)):
        values = {name: value for name, value in vars(objects).items() if name != "masks"}
        packed[part] = {name: base64.b64encode(value.tobytes()).decode() for name, value in values.items()}
        masks = objects.masks
        packed[part]["masks"] = masks and [[*mask["size"], mask["counts"].decode()] for mask in masks]
    return packed


def _unpacked(packed: Mapping[str, Any]) -> Image:
    """The image that `_packed` packed."""
    detected, annotated = packed["detected"], packed["annotated"]
    return Image(
        packed["number"],
        DetectedObjects(
            boxes=_array(detected["boxes"], np.float64, _BOX),
            labels=_array(detected["labels"], np.int64, _NUMBER),
            scores=_array(detected["scores"], np.float64, _NUMBER),
            masks=_masks(detected["masks"]),
        ),
        AnnotatedObjects(
            boxes=_array(annotated["boxes"], np.float64, _BOX),
            labels=_array(annotated["labels"], np.int64, _NUMBER),
            area=_array(annotated["area"], np.float64, _NUMBER),
            crowd=_array(annotated["crowd"], np.bool_, _NUMBER),
            difficult=_array(annotated["difficult"], np.bool_, _NUMBER),
            masks=_masks(annotated["masks"]),
        ),
    )


def _array(text: str, dtype: type[S], shape: tuple[int, ...]) -> npt.NDArray[S]:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype).reshape(shape).copy()


def _masks(packed: Sequence[Sequence[Any]] | None) -> tuple[Rle, ...] | None:
    return (
        None
        if packed is None
        else tuple({"size": [height, width], "counts": counts.encode()} for height, width, counts in packed)
    )


def corners_to_sizes(boxes: Floats) -> Floats:
    """(N, 4) x1 y1 x2 y2 -> x, y, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def _floats(tensor: Tensor) -> Floats:
    array: Floats = tensor.detach().cpu().numpy().astype(np.float64)
    return array


def _integers(tensor: Tensor) -> npt.NDArray[np.int64]:
    array: npt.NDArray[np.int64] = tensor.cpu().numpy().astype(np.int64)
    return array


def _encode(masks: Tensor) -> tuple[Rle, ...]:
    """(N, H, W) of 0 and 1 -> the run-length encodings."""
    if not len(masks):
        return ()
    columns = np.asfortranarray(masks.to(torch.uint8).permute(1, 2, 0).cpu().numpy())
    return tuple(rle.encode(columns))


def _short(value: float) -> float:
    """The number, rounded to as many digits as distinguish float32 values."""
    return float(f"{value:.9g}")
