"""Writes a detection or segmentation data set in COCO's or VOC's format. Images are written as PNGs, without loss.

COCO: <part>/000001.png, annotations/instances_<part>.json with masks as run-length encodings, and class maps as
stuffthingmaps/<part>/000001.png. VOC: Annotations, JPEGImages, ImageSets, and with VOC's palette SegmentationClass and
SegmentationObject.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from faster_coco_eval.core import mask as rle
from PIL import Image

from attnctl.jobs.data.pictures import Picture, Reader
from attnctl.jobs.data.scenes import IGNORED, Bytes, Scenes

Format = Literal["coco", "voc"]

_COMPRESSION = 1  # of PNGs: the fastest level


def write(parts: Mapping[str, Scenes], folder: Path, form: Format) -> None:
    """Write the parts, keyed by their names, to `folder`, which is created; raises OSError."""
    writer: Callable[[str, Scenes, Path], None] = {"coco": _coco, "voc": _voc}[form]
    for name, scenes in parts.items():
        writer(name, scenes, folder)


def _pictures(scenes: Scenes) -> Iterator[tuple[str, Picture]]:
    """(file name without suffix, picture with all objects) of each image; in one channel if all channels are equal."""
    read = Reader(scenes, training=False, masks=True, classes=True)
    for index in range(len(scenes)):
        picture = read(index)
        bands = picture.image.split()
        grey = all(band.tobytes() == bands[0].tobytes() for band in bands)
        yield f"{picture.number:06d}", picture._replace(image=bands[0]) if grey else picture


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "PNG", compress_level=_COMPRESSION)


# ---------------------------------------------------------------------------------------------------------------- COCO


def _coco(part: str, scenes: Scenes, folder: Path) -> None:
    images, annotations = [], []
    for stem, picture in _pictures(scenes):
        _save(picture.image, folder / part / f"{stem}.png")
        _save(Image.fromarray(_maps(picture)[1]), folder / "stuffthingmaps" / part / f"{stem}.png")
        height, width = picture.size
        images.append({"id": picture.number, "file_name": f"{stem}.png", "height": height, "width": width})
        annotations += list(_annotations(picture, scenes.categories))
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    document = {
        "images": images,
        "categories": [{"id": key, "name": name} for key, name in zip(scenes.categories, scenes.names, strict=True)],
        "annotations": annotations,
    }
    path = folder / "annotations" / f"instances_{part}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def _annotations(picture: Picture, categories: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    objects = picture.objects
    masks = rle.encode(np.asfortranarray(_maps(picture)[0].transpose(1, 2, 0))) if len(objects.labels) else []
    corners = objects.boxes.tolist()
    for number, (x1, y1, x2, y2) in enumerate(corners):
        yield {
            "image_id": picture.number,
            "category_id": categories[objects.labels[number] - 1],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": float(objects.area[number]),
            "iscrowd": int(objects.crowd[number]),
            "segmentation": {"size": list(picture.size), "counts": masks[number]["counts"].decode()},
        }


def _maps(picture: Picture) -> tuple[Bytes, Bytes]:
    assert picture.masks is not None
    assert picture.classes is not None
    return picture.masks, picture.classes


# ----------------------------------------------------------------------------------------------------------------- VOC


def _voc(part: str, scenes: Scenes, folder: Path) -> None:
    stems = []
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    for stem, picture in _pictures(scenes):
        stems.append(stem)
        masks, classes = _maps(picture)
        _save(picture.image, folder / "JPEGImages" / f"{stem}.png")
        _save(_paletted(classes), folder / "SegmentationClass" / f"{stem}.png")
        owners = np.where(classes == IGNORED, IGNORED, 0).astype(np.uint8)
        for number, mask in enumerate(masks, 1):
            owners[mask > 0] = number
        _save(_paletted(owners), folder / "SegmentationObject" / f"{stem}.png")
        tree = ElementTree.ElementTree(_annotation(picture, scenes.names, f"{stem}.png"))
        ElementTree.indent(tree, "\t")
        tree.write(folder / "Annotations" / f"{stem}.xml", encoding="utf-8")
    for kind in ("Main", "Segmentation"):
        path = folder / "ImageSets" / kind / f"{part}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")


def _annotation(picture: Picture, names: tuple[str, ...], file: str) -> ElementTree.Element:
    """An annotation in VOC's format, which counts pixels from 1 and includes the last pixel of a box."""
    height, width = picture.size
    root = ElementTree.Element("annotation")
    size = {"width": width, "height": height, "depth": len(picture.image.getbands())}
    _fill(root, {"folder": "JPEGImages", "filename": file, "size": size, "segmented": 1})
    objects = picture.objects
    for (x1, y1, x2, y2), label, difficult in zip(
        objects.boxes.tolist(), objects.labels.tolist(), objects.difficult.tolist(), strict=True
    ):
        box = {"xmin": x1 + 1, "ymin": y1 + 1, "xmax": x2, "ymax": y2}
        _fill(
            ElementTree.SubElement(root, "object"),
            {"name": names[label - 1], "difficult": int(difficult), "bndbox": box},
        )
    return root


def _fill(element: ElementTree.Element, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        child = ElementTree.SubElement(element, name)
        if isinstance(value, Mapping):
            _fill(child, value)
        else:
            child.text = f"{value:g}" if isinstance(value, float) else str(value)


def _paletted(numbers: Bytes) -> Image.Image:
    image = Image.fromarray(numbers)
    image.putpalette(palette())
    return image


@cache
def palette() -> list[int]:
    """VOC's colours for the numbers 0 to 255, as a flat list of red, green and blue values."""
    return [value for number in range(256) for value in colour(number)]


def colour(number: int) -> tuple[int, int, int]:
    """VOC's colour of a class or object: each group of three bits sets one bit of each channel, from the highest on."""
    red = green = blue = 0
    for bit in range(7, -1, -1):
        red |= (number & 1) << bit
        green |= (number >> 1 & 1) << bit
        blue |= (number >> 2 & 1) << bit
        number >>= 3
    return red, green, blue
