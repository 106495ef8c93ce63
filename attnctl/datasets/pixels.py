"""What Pillow leaves open when the pixels of users' images are read: how many there may be, and 16 bits of grey."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""The exceptions that Pillow raises for damaged files and for files that are not images."""

MOST_PIXELS = 64_000_000
"""Those of the largest image that is read: a small file can declare any number, for which memory is then taken."""


def is_too_large(image: Image.Image) -> bool:
    """Whether an opened image file declares more pixels than are read."""
    return image.width * image.height > MOST_PIXELS


def is_deep(image: Image.Image) -> bool:
    """Whether the pixels have 16 bits, of which Pillow's own conversion would cut off all above 255."""
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")  # PPM: scaled to 16 bits


def scaled(image: Image.Image) -> Image.Image:
    """An image of 16 bits as one of 8, of mode L."""
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
