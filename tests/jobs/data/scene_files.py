"""VOC and COCO in miniature, in the very formats in which they are published."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from attnctl.datasets import describe
from tests.jobs.data.published import jpeg

Row = tuple[str, tuple[float, float, float, float]]

VOC = dataclasses.replace(describe("voc07"), train_size=3, test_size=2)
COCO = dataclasses.replace(describe("coco"), classes=3, train_size=4, test_size=2, names=("cat", "dog", "tree"))

OBJECT = """<object><name>{name}</name><pose>Left</pose><truncated>0</truncated><difficult>{difficult}</difficult>
<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox>{more}</object>"""


def voc_image(year: Path, stem: str, objects: list[str], width: int = 60, height: int = 48) -> None:
    """An image with its annotation."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (year / folder).mkdir(parents=True, exist_ok=True)
    (year / "JPEGImages" / f"{stem}.jpg").write_bytes(jpeg(len(stem), width, height))
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    text = f"<annotation><filename>{stem}.jpg</filename>{size}{''.join(objects)}</annotation>"
    (year / "Annotations" / f"{stem}.xml").write_text(text)


def voc_object(name: str, *box: float, difficult: int | str = 0, more: str = "") -> str:
    return OBJECT.format(*box, name=name, difficult=difficult, more=more)


def voc_folder(root: Path) -> Path:
    """VOC2007 with three training images and two test images, of different sizes."""
    year = root / "VOC2007"
    voc_image(year, "000001", [voc_object("dog", 1, 1, 60, 48), voc_object("cat", 11, 5, 20, 14, difficult=1)])
    voc_image(year, "000002", [voc_object("person", 8, 12, 31, 40)], width=64)
    voc_image(year, "000003", [voc_object("boat", 2.5, 3.5, 30, 40), voc_object("boat", 20, 3, 50, 20)], height=40)
    voc_image(year, "000004", [voc_object("dog", 5, 5, 40, 40), voc_object("cat", 1, 1, 9, 9, difficult=1)])
    voc_image(year, "000005", [])
    (year / "ImageSets" / "Main" / "trainval.txt").write_text("000001\n000002\n000003\n")
    (year / "ImageSets" / "Main" / "test.txt").write_text("000004\n000005\n")
    return root


def class_map(path: Path, numbers: np.ndarray[Any, Any]) -> None:
    """A palette PNG, as in SegmentationClass."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(numbers.astype(np.uint8))
    image.putpalette([value for number in range(256) for value in (number, 255 - number, number // 2)])
    image.save(path)


def coco_document() -> dict[str, Any]:
    """Annotations with all that is odd: ids with gaps, a crowd, boxes of no size, an image without objects."""
    images = [
        {"id": 7, "file_name": "a.jpg", "width": 60, "height": 48},
        {"id": 3, "file_name": "b.jpg", "width": 64, "height": 48},
        {"id": 90, "file_name": "empty.jpg", "width": 60, "height": 40},
        {"id": 91, "file_name": "crowd.jpg", "width": 60, "height": 48},
    ]
    categories = [{"id": 44, "name": "tree"}, {"id": 2, "name": "cat"}, {"id": 17, "name": "dog"}]
    triangle = [10.0, 10.0, 40.0, 10.0, 10.0, 40.0]
    square = [45.0, 30.0, 55.0, 30.0, 55.0, 40.0, 45.0, 40.0]
    annotations: list[dict[str, Any]] = [
        {"id": 1, "image_id": 7, "category_id": 44, "bbox": [10, 10, 45, 30], "segmentation": [triangle, square]},
        {"id": 2, "image_id": 3, "category_id": 2, "bbox": [0.5, 1.5, 20, 30.25], "segmentation": [square]},
        {"id": 3, "image_id": 3, "category_id": 17, "bbox": [5, 5, 0, 20], "segmentation": [square]},
        {"id": 4, "image_id": 3, "category_id": 17, "bbox": [100, 5, 10, 20], "segmentation": [square]},
        {"id": 5, "image_id": 3, "category_id": 17, "bbox": [30, 5, -10, 20], "segmentation": [square]},
        {"id": 6, "image_id": 7, "category_id": 2, "bbox": [50, 40, 30, 30], "segmentation": [square]},
        {"id": 7, "image_id": 91, "category_id": 2, "bbox": [0, 0, 60, 10], "iscrowd": 1},
        {"id": 8, "image_id": 7, "category_id": 2, "bbox": [1, 1, 9, 9], "segmentation": []},
    ]
    rows = 48 * 60
    annotations[6]["segmentation"] = {"size": [48, 60], "counts": [0, 10, rows - 10]}
    for annotation in annotations:
        annotation.setdefault("iscrowd", 0)
        annotation["area"] = abs(float(annotation["bbox"][2] * annotation["bbox"][3]))
    return {"images": images, "annotations": annotations, "categories": categories}


def coco_folder(root: Path, document: dict[str, Any] | None = None) -> Path:
    """train2017 of `coco_document`, and val2017 with its first two images."""
    document = document or coco_document()
    (root / "annotations").mkdir(parents=True)
    few = {**document, "images": document["images"][:2]}
    few["annotations"] = [row for row in document["annotations"] if row["image_id"] in (7, 3)]
    for part, content in (("train2017", document), ("val2017", few)):
        (root / part).mkdir()
        (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(content))
        for image in content["images"]:
            path = root / part / str(image["file_name"])
            path.write_bytes(jpeg(image["id"], image["width"], image["height"]))
    return root
