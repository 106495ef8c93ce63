"""What a trained detector or segmentation network says of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from faster_coco_eval.core import mask as rle

from attnctl import datasets, models
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.inspect.pictures import Picture, batch
from attnctl.sources import blame
from attnctl.spec import RunSpec
from attnctl.values import SpecError

_ON = 0.5
"""A pixel is an object's when the network says so with more than this."""


@dataclass(frozen=True)
class Detected:
    """The objects found on one image, the surest first.

    boxes: (N, 4), x1 y1 x2 y2 in pixels. labels: (N,) from 1. scores: (N,). masks: (N, H, W), where the network gives
    masks.
    """

    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    masks: npt.NDArray[np.bool_] | None

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """The objects as JSON values. names: of the classes, the one of label 1 first; mask: as COCO encodes them."""
        found = []
        for k, (box, label, score) in enumerate(zip(self.boxes, self.labels, self.scores, strict=True)):
            row = {
                "class": names[label - 1],
                "label": int(label),
                "score": round(float(score), 4),
                "box": [round(float(value), 2) for value in box],
            }
            if self.masks is not None:
                code = rle.encode(np.asfortranarray(self.masks[k].astype(np.uint8)))
                row["mask"] = {"size": list(code["size"]), "counts": code["counts"].decode()}
            found.append(row)
        return {"objects": found}

    def words(self, names: Sequence[str]) -> str:
        """What was found, such as `2 dog, 1 cat`; the most frequent first."""
        labels, counts = np.unique(self.labels, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return ", ".join(f"{counts[k]} {names[labels[k] - 1]}" for k in order) or "nothing"


@dataclass(frozen=True)
class Mapped:
    """The class of every pixel of one image. classes: (H, W); 0 is the background."""

    classes: npt.NDArray[np.uint8]

    def shares(self, names: Sequence[str]) -> dict[str, float]:
        """Name of a class -> the part of the pixels that it has, for those that have any, the largest first."""
        counts = np.bincount(self.classes.reshape(-1), minlength=len(names))
        return {names[k]: float(counts[k] / counts.sum()) for k in np.argsort(-counts, kind="stable") if counts[k]}

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """The parts of the pixels as JSON values."""
        return {"classes": {name: round(share, 6) for name, share in self.shares(names).items()}}

    def words(self, names: Sequence[str]) -> str:
        """The parts, such as `background 81.2%, dog 18.8%`."""
        return ", ".join(f"{name} {100 * share:.1f}%" for name, share in self.shares(names).items())


def check(spec: RunSpec, run: str) -> None:
    """Raise SpecError when a run's network gives no boxes, masks or class maps."""
    if not spec.model:
        raise SpecError(f"run {run} is a classifier, which finds no objects; attnctl cam {run} shows what it looks at")


def class_names(spec: RunSpec) -> tuple[str, ...]:
    """Of the classes of a run's data set, in their order; of pixels with the background."""
    dataset = datasets.describe(spec.dataset)
    return dataset.names or tuple(f"class {number}" for number in range(1, dataset.classes + 1))


@torch.inference_mode()
def predict(trained: Trained, picture: Picture, threshold: float) -> Detected | Mapped:
    """What the network finds on an image of any size. threshold: of the scores; a class map has none.

    Raises SpecError when the network cannot take the image.
    """
    images = batch([picture], trained.spec, trained.device)
    try:
        if models.task(trained.spec.model) == "segment":
            return Mapped(trained.network(images)["out"][0].argmax(0).to(torch.uint8).cpu().numpy())
        found = trained.network([images[0]])[0]
    except Exception as error:  # whatever a user's own module raises is the answer
        raise SpecError(f"run {trained.run} cannot take {picture.name}: {blame.describe(error)}") from error
    sure = (found["scores"] >= threshold).nonzero()[:, 0]
    sure = sure[found["scores"][sure].argsort(descending=True, stable=True)]
    masks = (found["masks"][sure, 0] > _ON).cpu().numpy() if "masks" in found else None
    return Detected(
        found["boxes"][sure].float().cpu().numpy(),
        found["labels"][sure].cpu().numpy(),
        found["scores"][sure].float().cpu().numpy(),
        masks,
    )
