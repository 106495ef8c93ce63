"""Decodes JPEG files with torchvision, which takes two thirds of Pillow's time and gives the same pixels."""

from __future__ import annotations

import base64
from functools import cache

import torch
import torchvision
from torch import Tensor
from torchvision.io import ImageReadMode

from attnctl.jobs.data.errors import DataError

MODES = ("RGB", "L")
"""Pillow's modes of the files that are decoded here. Inks (CMYK) are left to Pillow, which knows their conversions."""

_SMALLEST = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i"
    "Z2hnPk1xeXBkeFxlZ2P/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI"
    "AQEAAD8AP//Z"
)
"""One grey pixel."""


def check_decoder(dataset: str) -> None:
    """Raise DataError unless torchvision can decode JPEG files. dataset: its name, for the message."""
    if fault := _fault():
        raise DataError(
            f"{dataset} is read with torchvision.io.decode_jpeg, which does not work in torchvision "
            f"{torchvision.__version__} here ({fault}); install a torchvision that has it: pip install torchvision"
        )


def decode(content: bytes) -> Tensor | None:
    """The pixels of a file, (3, H, W) uint8, as stored; None if libjpeg refuses it."""
    try:
        return _decode(content)
    except (RuntimeError, ValueError):  # ValueError: an empty file
        return None


def _decode(content: bytes) -> Tensor:
    """What torchvision.io.decode_jpeg calls: that warns since 0.29, for each image, that TorchCodec will replace it."""
    data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    pixels: Tensor = torch.ops.image.decode_jpeg(data, ImageReadMode.RGB.value, False)
    return pixels


@cache
def _fault() -> str:
    """Why torchvision cannot decode a JPEG file; empty if it can."""
    try:
        _decode(_SMALLEST)
    except (RuntimeError, AttributeError, OSError) as error:  # AttributeError: its compiled library was not loaded
        return str(error).strip().partition("\n")[0][:200]
    return ""
