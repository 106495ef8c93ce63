"""Draws predicted boxes, masks or class maps over images."""

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

MIN_SIDE = 512
"""A smaller image is enlarged by an integer factor to about this many pixels, so that its labels are legible."""

_LEGIBLE = 128  # of 255: text on a lighter background is black
_ALPHA = 0.5
_TONES = ((0.8, 0.95), (0.5, 0.75), (0.95, 0.6))
"""(saturation, value) of the colours."""


def color(number: int) -> Color:
    """The colour of a class or object: hues spaced by the golden ratio, so neighbours differ much, in three tones."""
    red, green, blue = colorsys.hsv_to_rgb((0.6180339887 * number) % 1, *_TONES[number // 5 % len(_TONES)])
    return round(255 * red), round(255 * green), round(255 * blue)


def draw(picture: Picture, prediction: Detected | Mapped, names: Sequence[str], *, scores: bool = True) -> Image.Image:
    """The image with its prediction. names: of the classes, as in `predict`. scores: shown beside objects' names."""
    factor = max(1, MIN_SIDE // max(picture.pixels.shape[1:]))
    pixels = _enlarge(picture.pixels, factor)
    font = _font(max(13, round(0.024 * max(pixels.shape[1:]))))
    if isinstance(prediction, Mapped):
        return _draw_classes(pixels, prediction, names, factor, font)
    texts = [
        f"{names[label - 1]} {score:.2f}" if scores else names[label - 1]
        for label, score in zip(prediction.labels, prediction.scores, strict=True)
    ]
    return _draw_objects(pixels, prediction, texts, factor, font)


def beside_truth(picture: Picture, prediction: Detected | Mapped, names: Sequence[str]) -> Image.Image:
    """The image with its annotations, and at the right of it with the prediction; that alone without annotations."""
    predicted = draw(picture, prediction, names)
    if picture.truth is None:
        return predicted
    truth = picture.truth
    annotated: Detected | Mapped = (
        Mapped(truth.classes)
        if truth.classes is not None
        else Detected(truth.boxes, truth.labels, np.ones(len(truth.labels), np.float32), truth.masks)
    )
    return _side_by_side((("ground truth", draw(picture, annotated, names, scores=False)), ("prediction", predicted)))


def _side_by_side(pictures: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures of one width under their headings."""
    font = _font(max(13, round(0.03 * pictures[0][1].width)))
    above, between = round(1.8 * font.size), max(4, round(font.size / 2))
    width = sum(picture.width for _, picture in pictures) + between * (len(pictures) - 1)
    height = max(picture.height for _, picture in pictures)
    whole = Image.new("RGB", (round(width), round(above + height)), "white")
    canvas, left = ImageDraw.Draw(whole), 0
    for heading, picture in pictures:
        canvas.text((left + picture.width / 2, above / 2), heading, fill="black", font=font, anchor="mm")
        whole.paste(picture, (left, above))
        left += picture.width + between
    return whole


def class_image(prediction: Mapped) -> Image.Image:
    """The class map as a palette image whose values are the classes, as in PASCAL VOC; the background is black."""
    image = Image.fromarray(prediction.classes, "P")
    image.putpalette([0, 0, 0, *(value for number in range(1, 256) for value in color(number))])
    return image


def _enlarge(maps: Tensor, factor: int) -> Tensor:
    """(N, H, W) with each pixel as a square of `factor` x `factor` pixels."""
    return maps.repeat_interleave(factor, 1).repeat_interleave(factor, 2)


def _font(size: int) -> _Font:
    return ImageFont.truetype(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def _image(pixels: Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def _draw_objects(pixels: Tensor, prediction: Detected, texts: Sequence[str], factor: int, font: _Font) -> Image.Image:
    """Boxes have the colours of their classes; with masks, each object has its own. The most confident is on top.

    texts: of the objects
    """
    order = range(len(prediction.labels) - 1, -1, -1)
    colors = [color(k if prediction.masks is not None else int(prediction.labels[k])) for k in order]
    boxes = torch.from_numpy(prediction.boxes[list(order)] * factor)
    if prediction.masks is not None and len(boxes):
        masks = _enlarge(torch.from_numpy(prediction.masks[list(order)]), factor)
        pixels = draw_segmentation_masks(pixels, masks, alpha=_ALPHA, colors=colors)
    width = max(2, round(0.004 * max(pixels.shape[1:])))
    if len(boxes):
        pixels = draw_bounding_boxes(pixels, boxes, colors=colors, width=width)
    image = _image(pixels)
    for k, box, fill in zip(order, boxes.tolist(), colors, strict=True):
        _label(image, (box[0], box[1]), texts[k], fill, font)
    return image


def _label(image: Image.Image, corner: tuple[float, float], text: str, fill: Color, font: _Font) -> None:
    """Write above a box, or inside it if it touches the image's upper edge; never outside the image."""
    canvas = ImageDraw.Draw(image)
    left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
    width, height = right - left + 6, bottom - top + 6
    x = max(0, min(round(corner[0]), image.width - width))
    y = round(corner[1]) - height if corner[1] >= height else max(0, round(corner[1]))
    canvas.rectangle((x, y, x + width, y + height), fill=fill)
    canvas.text((x + 3 - left, y + 3 - top), text, fill=_ink(fill), font=font)


def _draw_classes(pixels: Tensor, prediction: Mapped, names: Sequence[str], factor: int, font: _Font) -> Image.Image:
    """Each class except the background in its colour, with a legend below the image."""
    shares = {name: share for name, share in prediction.shares(names).items() if name != names[0]}
    numbers = {name: names.index(name) for name in shares}
    classes = torch.from_numpy(prediction.classes)
    masks = torch.stack([classes == number for number in numbers.values()]) if numbers else None
    if masks is not None:
        colors = [color(number) for number in numbers.values()]
        pixels = draw_segmentation_masks(pixels, _enlarge(masks, factor), alpha=_ALPHA, colors=colors)
    entries = [(f"{name} {100 * share:.1f}%", color(numbers[name])) for name, share in shares.items()]
    return _with_legend(_image(pixels), entries, font)


def _with_legend(image: Image.Image, entries: Sequence[tuple[str, Color]], font: _Font) -> Image.Image:
    """The image with a legend of colours and names below it, in as many lines as needed."""
    side = round(1.2 * font.size)
    positions, x, y = [], side // 2, side // 2
    for text, _ in entries:
        width = round(font.getlength(text)) + 2 * side
        if x > side // 2 and x + width > image.width:
            x, y = side // 2, y + round(1.4 * side)
        positions.append((x, y))
        x += width
    if not entries:
        return image
    whole = Image.new("RGB", (image.width, image.height + y + round(1.5 * side)), "white")
    whole.paste(image)
    canvas = ImageDraw.Draw(whole)
    for (text, fill), (left, top) in zip(entries, positions, strict=True):
        top += image.height
        canvas.rectangle((left, top, left + side - 4, top + side - 4), fill=fill)
        canvas.text((left + side, top + side / 2 - 2), text, fill="black", font=font, anchor="lm")
    return whole


def _ink(background: Color) -> str:
    """Black or white, whichever is legible on the background (by ITU-R BT.601's luma)."""
    luma = float(np.dot(background, (0.299, 0.587, 0.114)))
    return "black" if luma > _LEGIBLE else "white"
