"""YOLOX's training images: four in one, turned, scaled, sheared and shifted, with other colours, mirrored.

Ge et al., YOLOX: exceeding YOLO series in 2021, section 2.1, with the values of its published code for the nano
network: turned by up to 10 degrees, scaled by 0.5 to 1.5, sheared by up to 2 degrees, shifted by up to 0.1 of the side;
hue, saturation and value changed by up to 5 of 180, 30 and 30 of 255. mixup is left out, as it is for that network.
The plain images of the last epochs have other colours and are mirrored, no more.
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
from attnctl.jobs.data.scenes import SMALLEST, Floats, Objects, nothing

_GREY = (114, 114, 114)
_TURN, _SHEAR = 10.0, 2.0  # degrees
_SCALES = (0.5, 1.5)
_SHIFT = 0.1
_HSV = (5 * 256 / 180, 30.0, 30.0)
"""Pillow's hue has 256 steps, that of YOLOX's library 180."""

Matrix = npt.NDArray[np.float64]


class Mosaic:
    """Makes training images of `side` x `side` pixels. read: a picture by index; indices: those to choose from."""

    def __init__(self, read: Callable[[int], Picture], indices: Tensor, side: int) -> None:
        self._read, self._indices, self._side = read, indices, side
        self._flip = flip()

    def __call__(self, picture: Picture) -> Picture:
        """The picture with three others drawn; it keeps its number. Raises DataError."""
        drawn = self._indices[torch.randint(len(self._indices), (3,))].tolist()
        canvas, objects = self._joined([picture, *(self._read(index) for index in drawn)])
        forward = affine(self._side)
        backward = np.linalg.inv(forward)[:2].ravel().tolist()
        size = (self._side, self._side)
        image = canvas.transform(
            size, Image.Transform.AFFINE, backward, resample=Image.Resampling.BILINEAR, fillcolor=_GREY
        )
        boxes = warped(objects.boxes, forward).clip(0, self._side)
        extent = boxes[:, 2:] - boxes[:, :2]
        objects = objects._replace(boxes=boxes, area=extent.prod(1)).at((extent > SMALLEST).all(1))
        return self._flip(Picture(recoloured(image), picture.number, objects))

    def _joined(self, pictures: list[Picture]) -> tuple[Image.Image, Objects]:
        """Four pictures around a drawn point of a canvas of twice the side, each scaled to fit the side."""
        side = self._side
        across, down = (int(_between(0.5 * side, 1.5 * side)) for _ in range(2))
        canvas = Image.new("RGB", (2 * side, 2 * side), _GREY)
        found = [nothing()]
        for place, picture in enumerate(pictures):
            height, width = picture.size
            scale = min(side / height, side / width)
            new = max(int(width * scale), 1), max(int(height * scale), 1)
            left = across if place % 2 else across - new[0]
            top = down if place // 2 else down - new[1]
            canvas.paste(picture.image.resize(new, Image.Resampling.BILINEAR), (left, top))
            factors = np.array([new[0] / width, new[1] / height] * 2, np.float32)
            moved = picture.objects.boxes * factors + np.array([left, top] * 2, np.float32)
            boxes = moved.clip(0, 2 * side)
            seen = (boxes[:, 2:] - boxes[:, :2] > SMALLEST).all(
                1
            )  # a line at the border would become a box when turned
            found.append(picture.objects._replace(boxes=boxes).at(seen))
        return canvas, Objects._make(np.concatenate(column) for column in zip(*found, strict=True))

    def plain(self, picture: Picture) -> Picture:
        """The picture alone, as the last epochs have it."""
        return self._flip(picture._replace(image=recoloured(picture.image)))


def affine(side: int) -> Matrix:
    """A drawn 3x3 matrix from canvas to image coordinates: turn and scale about the origin, shear, shift."""
    angle, scale = math.radians(_between(-_TURN, _TURN)), _between(*_SCALES)
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    shear = [math.tan(math.radians(_between(-_SHEAR, _SHEAR))) for _ in range(2)]
    matrix = np.eye(3)
    matrix[0, :2] = turn[0] + shear[1] * turn[1]
    matrix[1, :2] = turn[1] + shear[0] * turn[0]
    matrix[:2, 2] = [_between(-_SHIFT, _SHIFT) * side for _ in range(2)]
    return matrix


def warped(boxes: Floats, matrix: Matrix) -> Floats:
    """The frames around the boxes' four corners after the transform; (N, 4) each."""
    corners = boxes[:, [0, 1, 2, 3, 0, 3, 2, 1]].reshape(-1, 4, 2) @ matrix[:2, :2].T + matrix[:2, 2]
    return np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32)


def recoloured(image: Image.Image) -> Image.Image:
    """Hue, saturation and value each changed in half of the cases; the hue goes around."""
    gains = [_between(-gain, gain) * int(torch.randint(2, ())) for gain in _HSV]
    if not any(gains):
        return image
    bands = image.convert("HSV").split()
    changed = [
        band.point([_shifted(value, int(gain), circular=place == 0) for value in range(256)])
        for place, (band, gain) in enumerate(zip(bands, gains, strict=True))
    ]
    return Image.merge("HSV", changed).convert("RGB")


def _shifted(value: int, gain: int, *, circular: bool) -> int:
    return (value + gain) % 256 if circular else min(max(value + gain, 0), 255)


def _between(low: float, high: float) -> float:
    return float(torch.empty(()).uniform_(low, high))
