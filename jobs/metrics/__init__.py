"""Metrics of detection and segmentation on an evaluated set: COCO's AP, VOC's mAP, the mean IoU. In percent.

A metric collects the network's outputs batch by batch, gathers those of all ranks, and computes its values. A value
that is undefined for the evaluated set, such as the AP of small objects if there are none, is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from attnctl.jobs.runtime.group import Group


class Metric(Protocol):
    """One evaluation of one network; a new object for each."""

    @property
    def count(self) -> int:
        """The number of images added; after `gather`, of those of all ranks, on rank 0."""

    def update(self, outputs: Any, targets: Any) -> None:
        """Add the network's outputs for a batch, and its targets."""

    def gather(self, group: Group) -> None:
        """Collect the images of all ranks on rank 0; all ranks call it once, after their last batch."""

    def compute(self) -> dict[str, float]:
        """The values by their names, in percent; equal on all ranks, which all call it."""
