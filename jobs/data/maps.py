"""Reads maps of integers, one per pixel: palette or grey PNGs, and .mat files of the Semantic Boundaries data set."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from attnctl.datasets.class_folders import IMAGE_FORMATS
from attnctl.datasets.pixels import DAMAGED
from attnctl.files import read_regular
from attnctl.jobs.data import mat_files
from attnctl.jobs.data.errors import DataError, reading_error
from attnctl.jobs.data.scenes import IGNORED, Bytes
from attnctl.jobs.data.sizes import Size


def read_map(path: Path, height: int, width: int) -> Bytes:
    """(height, width) integers of a map for an image of this size; raises DataError naming the file."""
    try:
        content = read_regular(path)
    except OSError as error:
        raise reading_error(f"{path} cannot be read: {error.strerror}", error) from error
    return _mat(content, path, (height, width)) if path.suffix == ".mat" else _png(content, path, (height, width))


_GREY_STEPS = {"L;2": 85, "L;4": 17}
"""Pillow scales grey PNGs of 2 and 4 bits to 0..255, so that class 1 would be 85 or 17: raw mode -> the factor."""


def _png(content: bytes, path: Path, size: Size) -> Bytes:
    """The palette indices or grey values of a PNG as stored, not its colours."""
    try:
        with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as encoded:
            _check_size(path, (encoded.height, encoded.width), size)
            step = _GREY_STEPS.get(str(encoded.tile[0].args), 1) if encoded.tile else 1
            mode, numbers = encoded.mode, np.array(encoded)
    except DataError:
        raise
    except DAMAGED as error:
        raise DataError(f"{path} cannot be read: damaged or not an image") from error
    if mode not in ("P", "L", "1") and not mode.startswith("I;16"):
        raise DataError(f"{path} is a colour image ({mode}); a class map must have a palette or be grey")
    if int(numbers.max(initial=0)) > IGNORED:
        raise DataError(f"{path} contains {numbers.max()}; a class map has at most {IGNORED}")
    classes: Bytes = (numbers // step if step > 1 else numbers).astype(np.uint8)
    return classes


def _mat(content: bytes, path: Path, size: Size) -> Bytes:
    """The class map in a .mat file (Hariharan et al., Semantic contours from inverse detectors, ICCV 2011)."""
    try:
        stored = mat_files.read_numbers(content, "GTcls", "Segmentation")
        numbers: Bytes = np.ascontiguousarray(stored, dtype=np.uint8)
        if stored.ndim != len(size) or not np.array_equal(numbers, stored):
            raise ValueError("its Segmentation is not a matrix of integers from 0 to 255")
    except ValueError as error:
        raise DataError(f"{path} is damaged or does not contain a class map of SBD: {error}") from error
    _check_size(path, (numbers.shape[0], numbers.shape[1]), size)
    return numbers


def _check_size(path: Path, stored: Size, size: Size) -> None:
    """Raise DataError unless a map has the (height, width) of its image."""
    if stored != size:
        raise DataError(f"{path} is {stored[1]}x{stored[0]} pixels, but its image is {size[1]}x{size[0]}")
