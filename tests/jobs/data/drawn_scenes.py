"""Pictures with objects whose boxes are known from their colours."""

from __future__ import annotations

import numpy as np
from PIL import Image

from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import Objects

COLOURS = ((250, 20, 20), (20, 250, 20), (20, 20, 250), (250, 250, 20))


def objects(places: tuple[tuple[int, int, int, int], ...], labels: list[int]) -> Objects:
    none = np.zeros(len(places), np.bool_)
    boxes = np.array(places, np.float32).reshape(-1, 4)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return Objects(boxes, np.array(labels, np.int64), area, none, none, ~none)


def picture(
    width: int = 160,
    height: int = 120,
    boxes: tuple[tuple[int, int, int, int], ...] = ((20, 30, 60, 90), (90, 10, 140, 50)),
    first: int = 0,
) -> Picture:
    """A black image with a plain rectangle for each box, in the colour of its label."""
    pixels = np.zeros((height, width, 3), np.uint8)
    masks = np.zeros((len(boxes), height, width), np.uint8)
    labels = [1 + (first + number) % len(COLOURS) for number in range(len(boxes))]
    for mask, (x1, y1, x2, y2), label in zip(masks, boxes, labels, strict=True):
        pixels[y1:y2, x1:x2] = COLOURS[label - 1]
        mask[y1:y2, x1:x2] = 1
    return Picture(Image.fromarray(pixels), 1, objects(boxes, labels), masks)


def extent(image: Image.Image, label: int) -> list[int]:
    """The box around the pixels of a label's colour."""
    far = np.abs(np.asarray(image).astype(int) - COLOURS[label - 1]).max(-1) > 100
    rows, columns = np.nonzero(~far)
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
