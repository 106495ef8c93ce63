"""Images with the boxes, masks or classes that a network found drawn over them."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.utils import draw_bounding_boxes, draw_segmentation_masks

from attnctl.jobs.inspect.pictures import Picture
from attnctl.jobs.inspect.predict import Detected, Mapped

Color = tuple[int, int, int]
_Font = ImageFont.FreeTypeFont

SMALLEST = 512
"""Pixels of the longer side: a smaller image is enlarged by a whole factor, so that its labels can be read."""

_LEGIBLE = 128  # of 255, of a background: a lighter one has black letters
_ALPHA = 0.5
_TONES = ((0.8, 0.95), (0.5, 0.75), (0.95, 0.6))
"""(saturation, value)."""


def color(number: int) -> Color:
    """The colour of a class or an object: hues by the golden ratio, which parts neighbours far, in three tones."""
    red, green, blue = colorsys.hsv_to_rgb((0.6180339887 * number) % 1, *_TONES[number // 5 % len(_TONES)])
    return round(255 * red), round(255 * green), round(255 * blue)


def draw(picture: Picture, found: Detected | Mapped, names: Sequence[str]) -> Image.Image:
    """The image with what was found on it. names: of the classes, as in `predict`."""
    factor = max(1, SMALLEST // max(picture.pixels.shape[1:]))
    pixels = _enlarged(picture.pixels, factor)
    font = _font(max(13, round(0.024 * max(pixels.shape[1:]))))
    if isinstance(found, Mapped):
        return _mapped(pixels, found, names, factor, font)
    return _detected(pixels, found, names, factor, font)


def class_image(found: Mapped) -> Image.Image:
    """The class map as a palette image, whose values are the classes, as PASCAL VOC has them; the background black."""
    image = Image.fromarray(found.classes, "P")
    image.putpalette([0, 0, 0, *(value for number in range(1, 256) for value in color(number))])
    return image


def _enlarged(maps: Tensor, factor: int) -> Tensor:
    """(N, H, W), each pixel as a square of `factor` pixels."""
    return maps.repeat_interleave(factor, 1).repeat_interleave(factor, 2)


def _font(size: int) -> _Font:
    return ImageFont.truetype(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def _image(pixels: Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def _detected(pixels: Tensor, found: Detected, names: Sequence[str], factor: int, font: _Font) -> Image.Image:
    """Boxes have the colours of their classes; with masks each object has its own. The surest is on top."""
    order = range(len(found.labels) - 1, -1, -1)
    colors = [color(k if found.masks is not None else int(found.labels[k])) for k in order]
    boxes = torch.from_numpy(found.boxes[list(order)] * factor)
    if found.masks is not None and len(boxes):
        masks = _enlarged(torch.from_numpy(found.masks[list(order)]), factor)
        pixels = draw_segmentation_masks(pixels, masks, alpha=_ALPHA, colors=colors)
    width = max(2, round(0.004 * max(pixels.shape[1:])))
    if len(boxes):
        pixels = draw_bounding_boxes(pixels, boxes, colors=colors, width=width)
    image = _image(pixels)
    for k, box, own in zip(order, boxes.tolist(), colors, strict=True):
        _label(image, (box[0], box[1]), f"{names[found.labels[k] - 1]} {found.scores[k]:.2f}", own, font)
    return image


def _label(image: Image.Image, corner: tuple[float, float], words: str, own: Color, font: _Font) -> None:
    """Write above a box, or inside it at the image's upper edge; never out of the image."""
    canvas = ImageDraw.Draw(image)
    left, top, right, bottom = canvas.textbbox((0, 0), words, font=font)
    width, height = right - left + 6, bottom - top + 6
    x = max(0, min(round(corner[0]), image.width - width))
    y = round(corner[1]) - height if corner[1] >= height else max(0, round(corner[1]))
    canvas.rectangle((x, y, x + width, y + height), fill=own)
    canvas.text((x + 3 - left, y + 3 - top), words, fill=_ink(own), font=font)


def _mapped(pixels: Tensor, found: Mapped, names: Sequence[str], factor: int, font: _Font) -> Image.Image:
    """Each class but the background in its colour, and below the image what the colours are."""
    shares = {name: share for name, share in found.shares(names).items() if name != names[0]}
    numbers = {name: names.index(name) for name in shares}
    classes = torch.from_numpy(found.classes)
    masks = torch.stack([classes == number for number in numbers.values()]) if numbers else None
    if masks is not None:
        colors = [color(number) for number in numbers.values()]
        pixels = draw_segmentation_masks(pixels, _enlarged(masks, factor), alpha=_ALPHA, colors=colors)
    entries = [(f"{name} {100 * share:.1f}%", color(numbers[name])) for name, share in shares.items()]
    return _with_legend(_image(pixels), entries, font)


def _with_legend(image: Image.Image, entries: Sequence[tuple[str, Color]], font: _Font) -> Image.Image:
    """The image with colours and words in as many lines below it as they need."""
    side = round(1.2 * font.size)
    places, x, y = [], side // 2, side // 2
    for words, _ in entries:
        wide = round(font.getlength(words)) + 2 * side
        if x > side // 2 and x + wide > image.width:
            x, y = side // 2, y + round(1.4 * side)
        places.append((x, y))
        x += wide
    if not entries:
        return image
    whole = Image.new("RGB", (image.width, image.height + y + round(1.5 * side)), "white")
    whole.paste(image)
    canvas = ImageDraw.Draw(whole)
    for (words, own), (left, top) in zip(entries, places, strict=True):
        top += image.height
        canvas.rectangle((left, top, left + side - 4, top + side - 4), fill=own)
        canvas.text((left + side, top + side / 2 - 2), words, fill="black", font=font, anchor="lm")
    return whole


def _ink(background: Color) -> str:
    """Black or white, whichever can be read on it (ITU-R BT.601's luma)."""
    luma = float(np.dot(background, (0.299, 0.587, 0.114)))
    return "black" if luma > _LEGIBLE else "white"
