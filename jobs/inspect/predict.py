"""Predictions of a trained network: the class of an image, its objects, or the class of each pixel."""

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

_SHOWN = 5
"""Classes of an image that are shown, most probable first."""

_LEAST_SHOWN = 0.001
"""Of these, summaries show the classes that have at least this probability, which the first always has."""

_MASK_THRESHOLD = 0.5
"""A pixel belongs to an object if the network's mask is above this."""


@dataclass(frozen=True)
class Detected:
    """The objects detected in one image, most confident first.

    boxes: (N, 4), x1 y1 x2 y2 in pixels. labels: (N,) from 1. scores: (N,). masks: (N, H, W), if the network predicts
    masks.
    """

    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    masks: npt.NDArray[np.bool_] | None

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """The objects as JSON values. names: of the classes, from label 1 on; masks are in COCO's encoding."""
        rows = []
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
            rows.append(row)
        return {"objects": rows}

    def summary(self, names: Sequence[str]) -> str:
        """The number of objects by class, such as `2 dog, 1 cat`, most frequent first."""
        labels, counts = np.unique(self.labels, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return ", ".join(f"{counts[k]} {names[labels[k] - 1]}" for k in order) or "nothing"


@dataclass(frozen=True)
class Classified:
    """The probability of each class, (classes,), by a classifier. label: the true class, if known."""

    probabilities: npt.NDArray[np.float32]
    label: int | None = None

    def first(self, names: Sequence[str]) -> list[tuple[str, float]]:
        """The most probable classes, with their probabilities."""
        order = np.argsort(-self.probabilities, kind="stable")[:_SHOWN]
        return [(names[k], float(self.probabilities[k])) for k in order]

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """The most probable classes as JSON values, and whether the first one is right if this is known."""
        best = int(self.probabilities.argmax())
        row: dict[str, Any] = {
            "class": names[best],
            "label": best,
            "probability": round(float(self.probabilities[best]), 6),
            "first": [{"class": name, "probability": round(value, 6)} for name, value in self.first(names)],
        }
        return row if self.label is None else {**row, "true_class": names[self.label], "right": best == self.label}

    def summary(self, names: Sequence[str]) -> str:
        """The most probable classes, such as `7 98.2%, 1 1.1%`."""
        shown = [(name, value) for name, value in self.first(names) if value >= _LEAST_SHOWN]
        text = ", ".join(f"{name} {100 * value:.1f}%" for name, value in shown)
        known = self.label is not None and int(self.probabilities.argmax()) != self.label
        return f"{text} (its class is {names[self.label]})" if known and self.label is not None else text


@dataclass(frozen=True)
class Mapped:
    """The class of every pixel of one image. classes: (H, W); 0 is the background."""

    classes: npt.NDArray[np.uint8]

    def shares(self, names: Sequence[str]) -> dict[str, float]:
        """Class name -> fraction of the pixels, for the classes that occur, largest first."""
        counts = np.bincount(self.classes.reshape(-1), minlength=len(names))
        return {names[k]: float(counts[k] / counts.sum()) for k in np.argsort(-counts, kind="stable") if counts[k]}

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """The fractions as JSON values."""
        return {"classes": {name: round(share, 6) for name, share in self.shares(names).items()}}

    def summary(self, names: Sequence[str]) -> str:
        """The fractions, such as `background 81.2%, dog 18.8%`."""
        return ", ".join(f"{name} {100 * share:.1f}%" for name, share in self.shares(names).items())


def class_names(spec: RunSpec) -> tuple[str, ...]:
    """The names of the classes of a run's data set, in order; for segmentation including the background."""
    dataset = datasets.describe(spec.dataset)
    first = 1 if spec.model else 0
    return dataset.names or tuple(f"class {number}" for number in range(first, dataset.classes + first))


@torch.inference_mode()
def predict(trained: Trained, picture: Picture, threshold: float) -> Classified | Detected | Mapped:
    """Predict the class of an image, its objects or a class map. threshold: for the scores of objects.

    Raises SpecError if the network cannot process the image.
    """
    images = batch([picture], trained.spec, trained.device)
    try:
        if not trained.spec.model:
            scores = trained.network(images).float().softmax(1)[0]
            return Classified(scores.cpu().numpy(), picture.label)
        if models.task(trained.spec.model) == "segment":
            return Mapped(trained.network(images)["out"][0].argmax(0).to(torch.uint8).cpu().numpy())
        output = trained.network([images[0]])[0]
    except Exception as error:  # any error of a user's own module
        raise SpecError(f"run {trained.run} cannot process {picture.name}: {blame.describe(error)}") from error
    kept = (output["scores"] >= threshold).nonzero()[:, 0]
    kept = kept[output["scores"][kept].argsort(descending=True, stable=True)]
    masks = (output["masks"][kept, 0] > _MASK_THRESHOLD).cpu().numpy() if "masks" in output else None
    return Detected(
        output["boxes"][kept].float().cpu().numpy(),
        output["labels"][kept].cpu().numpy(),
        output["scores"][kept].float().cpu().numpy(),
        masks,
    )
