"""YOLOX's augmentation: four images in one, then a random affine transform, colour changes and mirroring.

Ge et al., YOLOX: exceeding YOLO series in 2021, section 2.1, with the values of the published code for the nano
network: rotation by up to 10 degrees, scaling by 0.5 to 1.5, shear by up to 2 degrees, shift by up to 0.1 of the side;
hue, saturation and value change by up to 5 of 180, 30 of 255 and 30 of 255. There is no mixup, as for that network. In
the last epochs, single images are only changed in colour and mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from attnctl.jobs.data.boxed import flip
from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import SMALLEST, Floats, Objects, no_objects

_GREY = (114, 114, 114)
_ROTATION, _SHEAR = 10.0, 2.0  # degrees
_SCALES = (0.5, 1.5)
_SHIFT = 0.1
_HSV = (5 * 256 / 180, 30.0, 30.0)
"""Pillow's hue has 256 steps, that of OpenCV, which YOLOX uses, 180."""

Matrix = npt.NDArray[np.float64]


class Mosaic:
    """Makes training images of `side` x `side` pixels. read: a picture by index; indices: the available ones."""

    def __init__(self, read: Callable[[int], Picture], indices: Tensor, side: int) -> None:
        self._read, self._indices, self._side = read, indices, side
        self._flip = flip()

    def __call__(self, picture: Picture) -> Picture:
        """The picture combined with three random ones; it keeps its number. Raises DataError."""
        drawn = self._indices[torch.randint(len(self._indices), (3,))].tolist()
        canvas, objects = self._combine([picture, *(self._read(index) for index in drawn)])
        forward = affine(self._side)
        backward = np.linalg.inv(forward)[:2].ravel().tolist()
        size = (self._side, self._side)
        image = canvas.transform(
            size, Image.Transform.AFFINE, backward, resample=Image.Resampling.BILINEAR, fillcolor=_GREY
        )
        boxes = warp_boxes(objects.boxes, forward).clip(0, self._side)
        extent = boxes[:, 2:] - boxes[:, :2]
        objects = objects._replace(boxes=boxes, area=extent.prod(1)).at((extent > SMALLEST).all(1))
        return self._flip(Picture(jitter_hsv(image), picture.number, objects))

    def _combine(self, pictures: list[Picture]) -> tuple[Image.Image, Objects]:
        """Place four pictures around a random point of a canvas of twice the side, each scaled to fit the side."""
        side = self._side
        across, down = (int(_between(0.5 * side, 1.5 * side)) for _ in range(2))
        canvas = Image.new("RGB", (2 * side, 2 * side), _GREY)
        parts = [no_objects()]
        for corner, picture in enumerate(pictures):
            height, width = picture.size
            scale = min(side / height, side / width)
            new = max(int(width * scale), 1), max(int(height * scale), 1)
            left = across if corner % 2 else across - new[0]
            top = down if corner // 2 else down - new[1]
            canvas.paste(picture.image.resize(new, Image.Resampling.BILINEAR), (left, top))
            factors = np.array([new[0] / width, new[1] / height] * 2, np.float32)
            moved = picture.objects.boxes * factors + np.array([left, top] * 2, np.float32)
            boxes = moved.clip(0, 2 * side)
            # A box of less than a pixel, cut off at the border, would become a larger one when rotated.
            visible = (boxes[:, 2:] - boxes[:, :2] > SMALLEST).all(1)
            parts.append(picture.objects._replace(boxes=boxes).at(visible))
        return canvas, Objects._make(np.concatenate(column) for column in zip(*parts, strict=True))

    def without_mosaic(self, picture: Picture) -> Picture:
        """The augmentation of the last epochs: the single picture with other colours, mirrored or not."""
        return self._flip(picture._replace(image=jitter_hsv(picture.image)))


def affine(side: int) -> Matrix:
    """A random 3x3 matrix from canvas to image coordinates: rotation and scale about the origin, shear, shift."""
    angle, scale = math.radians(_between(-_ROTATION, _ROTATION)), _between(*_SCALES)
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    shear = [math.tan(math.radians(_between(-_SHEAR, _SHEAR))) for _ in range(2)]
    matrix = np.eye(3)
    matrix[0, :2] = rotation[0] + shear[1] * rotation[1]
    matrix[1, :2] = rotation[1] + shear[0] * rotation[0]
    matrix[:2, 2] = [_between(-_SHIFT, _SHIFT) * side for _ in range(2)]
    return matrix


def warp_boxes(boxes: Floats, matrix: Matrix) -> Floats:
    """The bounding boxes of the transformed corners of the boxes; (N, 4) -> (N, 4)."""
    corners = boxes[:, [0, 1, 2, 3, 0, 3, 2, 1]].reshape(-1, 4, 2) @ matrix[:2, :2].T + matrix[:2, 2]
    return np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32)


def jitter_hsv(image: Image.Image) -> Image.Image:
    """Change hue (which wraps around), saturation and value, each with probability 0.5."""
    gains = [_between(-gain, gain) * int(torch.randint(2, ())) for gain in _HSV]
    if not any(gains):
        return image
    bands = image.convert("HSV").split()
    changed = [
        band.point([_shift(value, int(gain), circular=index == 0) for value in range(256)])
        for index, (band, gain) in enumerate(zip(bands, gains, strict=True))
    ]
    return Image.merge("HSV", changed).convert("RGB")


def _shift(value: int, gain: int, *, circular: bool) -> int:
    return (value + gain) % 256 if circular else min(max(value + gain, 0), 255)


def _between(low: float, high: float) -> float:
    return float(torch.empty(()).uniform_(low, high))
