"""The mean intersection over union (IoU) of class maps, and the pixel accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from attnctl.jobs.runtime.group import Group

IGNORED = 255
"""The class of ignored pixels."""


class MeanIoU:
    """miou and pixel_accuracy. classes: including the background.

    The IoU of a class is computed over all pixels of the set, as in PASCAL VOC: hits / (hits + misses + false alarms).
    A class that is neither annotated nor predicted anywhere has none, and does not count in the mean.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.count = 0
        """The number of images added; after `gather`, of those of all ranks."""
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64)
        """Pixels by (annotated class, predicted class)."""

    def update(self, outputs: Mapping[str, Tensor], targets: Tensor) -> None:
        """Add a batch. outputs: `out`, (B, C, H, W) logits; targets: (B, H, W) classes, 255 for ignored pixels.

        Raises ValueError for a class that the data set does not have, and for maps of a different size.
        """
        predicted = outputs["out"].argmax(1)
        if predicted.shape != targets.shape:
            raise ValueError(f"the network's maps are {tuple(predicted.shape)} instead of {tuple(targets.shape)}")
        valid = targets != IGNORED
        annotated, predicted = targets[valid], predicted[valid]
        if len(annotated) and not 0 <= int(annotated.min()) <= int(annotated.max()) < self.classes:
            bounds = f"{int(annotated.min())} to {int(annotated.max())}"
            raise ValueError(f"classes {bounds} are not in 0 to {self.classes - 1}")
        pairs = torch.bincount(annotated * self.classes + predicted, minlength=self.classes**2)
        self.confusion += pairs.view(self.classes, self.classes).cpu()
        self.count += len(targets)

    def gather(self, group: Group) -> None:
        """Add up the counts of all ranks, on all ranks."""
        total = group.total(torch.cat([self.confusion.flatten(), torch.tensor([self.count])]))
        self.confusion, self.count = total[:-1].view_as(self.confusion), int(total[-1])

    def class_values(self) -> dict[int, dict[str, float]]:
        """Class -> its IoU in percent, for the classes that are annotated or predicted anywhere."""
        confusion = self.confusion.double()
        hits = confusion.diag()
        union = confusion.sum(0) + confusion.sum(1) - hits
        return {k: {"iou": 100 * float(hits[k] / union[k])} for k in range(self.classes) if union[k] > 0}

    def compute(self) -> dict[str, float]:
        """The values by their names, in percent; empty if no pixel counted."""
        confusion = self.confusion.double()
        hits = confusion.diag()
        union = confusion.sum(0) + confusion.sum(1) - hits
        present = union > 0
        if not bool(present.any()):
            return {}
        return {
            "miou": 100 * float((hits[present] / union[present]).mean()),
            "pixel_accuracy": 100 * float(hits.sum() / confusion.sum()),
        }
