"""COCO's average precision (AP) of boxes and masks, computed by faster-coco-eval.

AP is the mean over the classes and over ten IoU thresholds from 0.50 to 0.95; at most 100 detections per image count. A
crowd need not be detected, and detections inside it are not errors (Lin et al., Microsoft COCO, ECCV 2014, and the
evaluation page of the data set).
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
"""In the order of the library. Small: an area below 32x32 pixels; large: above 96x96."""


_OF_CLASS = NAMES[:3]
_AT_50, _AT_75 = 0, 5
"""Among the ten thresholds of IoU from 0.50 to 0.95."""


class CocoAP(Detections):
    """ap, ap50, ap75, ap_small, ap_medium and ap_large of boxes; with masks also mask_ap, mask_ap50 ..."""

    def values(self) -> dict[str, float]:
        """The values for the images added so far; those without any objects are left out."""
        values = self._evaluate(masks=False)
        if self.masks:
            values |= {f"mask_{name}": value for name, value in self._evaluate(masks=True).items()}
        return values

    def class_values(self) -> dict[int, dict[str, float]]:
        """Label -> ap, ap50 and ap75 of boxes, and with masks mask_ap and so on, for the classes that have objects."""
        values = self._class_values(masks=False)
        for label, of_class in self._class_values(masks=True).items() if self.masks else ():
            values.setdefault(label, {}).update({f"mask_{name}": value for name, value in of_class.items()})
        return values

    def _class_values(self, *, masks: bool) -> dict[int, dict[str, float]]:
        evaluation = self._evaluation(masks=masks)
        precision = evaluation.eval["precision"][..., 0, -1]  # (IoU thresholds, recalls, classes), of all sizes
        ids = list(evaluation.params.catIds)
        values = {}
        for label, category in enumerate(self.categories, 1):
            of_class = precision[:, :, ids.index(category)]
            if (of_class >= 0).any():
                parts = dict(zip(_OF_CLASS, (of_class, of_class[_AT_50], of_class[_AT_75]), strict=True))
                values[label] = {name: 100 * float(part[part >= 0].mean()) for name, part in parts.items()}
        return values

    def _evaluate(self, *, masks: bool) -> dict[str, float]:
        stats = self._evaluation(masks=masks).stats
        return {name: 100 * float(value) for name, value in zip(NAMES, stats, strict=False) if value >= 0}

    def _evaluation(self, *, masks: bool) -> COCOeval_faster:
        images = self.images
        annotated = self._index(images, (row for image in images for row in _annotations(image, masks)))
        detected = self._index(images, (row for image in images for row in _detections(image, masks)))
        evaluation = COCOeval_faster(annotated, detected, "segm" if masks else "bbox", print_function=log.debug)
        evaluation.run()
        return evaluation

    def _index(self, images: Sequence[Image], rows: Iterable[dict[str, Any]]) -> COCO:
        """Index annotations for the library. Ids begin with 1, because the library uses 0 for "no match"."""
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


def _annotations(image: Image, masks: bool) -> Iterator[dict[str, Any]]:
    annotated = image.annotated
    columns = (corners_to_sizes(annotated.boxes), annotated.labels, annotated.area, annotated.crowd)
    for k, (box, label, area, crowd) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        row = {"image_id": image.number, "category_id": label, "bbox": box, "area": area, "iscrowd": int(crowd)}
        if masks and annotated.masks is not None:
            row["segmentation"] = annotated.masks[k]
        yield row


def _detections(image: Image, masks: bool) -> Iterator[dict[str, Any]]:
    """Detections with the area of the mask if masks are evaluated, else of the box."""
    detected = image.detected
    boxes = corners_to_sizes(detected.boxes)
    areas = boxes[:, 2] * boxes[:, 3]
    if masks and detected.masks:
        areas = rle.area(list(detected.masks))
    columns = (boxes, detected.labels, areas, detected.scores)
    for k, (box, label, area, score) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        row = {"image_id": image.number, "category_id": label, "bbox": box, "area": area, "score": score, "iscrowd": 0}
        if masks and detected.masks is not None:
            row["segmentation"] = detected.masks[k]
        yield row
