"""COCO's average precision of boxes and masks, computed by faster-coco-eval.

AP is the mean over the classes and over ten thresholds of IoU from 0.50 to 0.95; at most 100 detections of an image
count. A crowd is no object to be found, and what is found in it is no error (Lin et al., Microsoft COCO, ECCV 2014,
and the data set's page on its evaluation).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from faster_coco_eval import COCO, COCOeval_faster
from faster_coco_eval.core import mask as rle

from attnctl.jobs.metrics.detections import Detections, Image, corners_to_sizes

log = logging.getLogger(__name__)

NAMES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
"""As the library orders them. Small: an area below 32x32 pixels; large: above 96x96."""


class CocoAP(Detections):
    """ap, ap50, ap75, ap_small, ap_medium and ap_large of boxes; with masks also mask_ap, mask_ap50 ..."""

    def values(self) -> dict[str, float]:
        """The values of the images that are here; one of objects that there are none of is left out."""
        values = self._evaluated(masks=False)
        if self.masks:
            values |= {f"mask_{name}": value for name, value in self._evaluated(masks=True).items()}
        return values

    def _evaluated(self, *, masks: bool) -> dict[str, float]:
        images = self.images
        true = self._indexed(images, (row for image in images for row in _true(image, masks)))
        found = self._indexed(images, (row for image in images for row in _found(image, masks)))
        evaluation = COCOeval_faster(true, found, "segm" if masks else "bbox", print_function=log.debug)
        evaluation.run()
        return {name: 100 * float(value) for name, value in zip(NAMES, evaluation.stats, strict=False) if value >= 0}

    def _indexed(self, images: Sequence[Image], rows: Iterable[dict[str, Any]]) -> COCO:
        """Annotations as the library indexes them. Their ids begin with 1, since 0 stands for none there."""
        annotations = []
        for number, row in enumerate(rows, 1):
            row["id"], row["category_id"] = number, self.categories[row["category_id"] - 1]
            annotations.append(row)
        sizes = (dict(zip(("height", "width"), image.size, strict=True)) for image in images)
        document = {
            "images": [{"id": image.number, **size} for image, size in zip(images, sizes, strict=True)],
            "categories": [{"id": number} for number in self.categories],
            "annotations": annotations,
        }
        return COCO(document, print_function=log.debug)


def _true(image: Image, masks: bool) -> Iterator[dict[str, Any]]:
    true = image.true
    columns = (corners_to_sizes(true.boxes), true.labels, true.area, true.crowd)
    for k, (box, label, area, crowd) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        row = {"image_id": image.number, "category_id": label, "bbox": box, "area": area, "iscrowd": int(crowd)}
        if masks and true.masks is not None:
            row["segmentation"] = true.masks[k]
        yield row


def _found(image: Image, masks: bool) -> Iterator[dict[str, Any]]:
    """What is found is as large as its mask where masks are evaluated, else as its box."""
    found = image.found
    boxes = corners_to_sizes(found.boxes)
    areas = boxes[:, 2] * boxes[:, 3]
    if masks and found.masks:
        areas = rle.area(list(found.masks))
    columns = (boxes, found.labels, areas, found.scores)
    for k, (box, label, area, score) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        row = {"image_id": image.number, "category_id": label, "bbox": box, "area": area, "score": score, "iscrowd": 0}
        if masks and found.masks is not None:
            row["segmentation"] = found.masks[k]
        yield row
