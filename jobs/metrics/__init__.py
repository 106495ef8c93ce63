"""How well detectors and segmentations do on an evaluated set: COCO's AP, VOC's mAP, the mean IoU. In percent.

A metric takes in what a network gave for each batch, gathers that of all ranks, and computes its values. A value that
the evaluated set leaves undefined, such as the AP of small objects where there are none, is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from attnctl.jobs.runtime.group import Group


class Metric(Protocol):
    """One evaluation of one network: made anew for each."""

    @property
    def count(self) -> int:
        """Images taken in; after `gather` those of all ranks, on rank 0."""

    def update(self, outputs: Any, targets: Any) -> None:
        """Take in what the network gave for a batch, beside what is true of it."""

    def gather(self, group: Group) -> None:
        """Bring what all ranks took in together on rank 0; all ranks call it, once, after their last batch."""

    def compute(self) -> dict[str, float]:
        """The values by their names, in percent, alike on all ranks; all of them call it."""
