"""The mean intersection over union of class maps, and the part of the pixels that are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from attnctl.jobs.runtime.group import Group

IGNORED = 255
"""The class of a pixel that does not count."""


class MeanIoU:
    """miou and pixel_accuracy. classes: with the background.

    The IoU of a class is of all pixels of the set, as in PASCAL VOC: hits / (hits + misses + false alarms). A class
    that is neither there nor found anywhere has none, and is no part of the mean.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.count = 0
        """Images taken in; after `gather` those of all ranks."""
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64)
        """(true, found): pixels."""

    def update(self, outputs: Mapping[str, Tensor], targets: Tensor) -> None:
        """Take in a batch. outputs: `out`, (B, C, H, W) logits; targets: (B, H, W) classes, 255 for none.

        Raises ValueError for a class that the data set does not have, and for maps of another size.
        """
        found = outputs["out"].argmax(1)
        if found.shape != targets.shape:
            raise ValueError(f"the network's maps {tuple(found.shape)} are not as large as {tuple(targets.shape)}")
        valid = targets != IGNORED
        true, found = targets[valid], found[valid]
        if len(true) and not 0 <= int(true.min()) <= int(true.max()) < self.classes:
            raise ValueError(f"classes {int(true.min())} to {int(true.max())} are not in 0 to {self.classes - 1}")
        pairs = torch.bincount(true * self.classes + found, minlength=self.classes**2)
        self.confusion += pairs.view(self.classes, self.classes).cpu()
        self.count += len(targets)

    def gather(self, group: Group) -> None:
        """Add up what all ranks counted; all ranks have it then."""
        total = group.total(torch.cat([self.confusion.flatten(), torch.tensor([self.count])]))
        self.confusion, self.count = total[:-1].view_as(self.confusion), int(total[-1])

    def compute(self) -> dict[str, float]:
        """The values by their names, in percent; none when no pixel counted."""
        confusion = self.confusion.double()
        hits = confusion.diag()
        union = confusion.sum(0) + confusion.sum(1) - hits
        there = union > 0
        if not bool(there.any()):
            return {}
        return {
            "miou": 100 * float((hits[there] / union[there]).mean()),
            "pixel_accuracy": 100 * float(hits.sum() / confusion.sum()),
        }
