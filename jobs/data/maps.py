"""Reads maps of integers, one per pixel: palette or grey PNGs, and .mat files of the Semantic Boundaries data set."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from attnctl.jobs.data.errors import DataError, reading_error
from attnctl.jobs.data.images import DAMAGED
from attnctl.jobs.data.scenes import IGNORED, Bytes


def read_map(path: Path, height: int, width: int) -> Bytes:
    """(height, width) integers of a map for an image of this size; raises DataError naming the file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise reading_error(f"{path} cannot be read: {error.strerror}", error) from error
    numbers = _mat(content, path) if path.suffix == ".mat" else _png(content, path)
    if numbers.shape != (height, width):
        shape = f"{numbers.shape[1]}x{numbers.shape[0]} pixels"
        raise DataError(f"{path} is {shape}, but its image is {width}x{height}")
    return numbers


_GREY_STEPS = {"L;2": 85, "L;4": 17}
"""Pillow scales grey PNGs of 2 and 4 bits to 0..255, so that class 1 would be 85 or 17: raw mode -> the factor."""


def _png(content: bytes, path: Path) -> Bytes:
    """The palette indices or grey values of a PNG as stored, not its colours."""
    try:
        with Image.open(io.BytesIO(content)) as encoded:
            step = _GREY_STEPS.get(str(encoded.tile[0].args), 1) if encoded.tile else 1
            mode, numbers = encoded.mode, np.array(encoded)
    except DAMAGED as error:
        raise DataError(f"{path} cannot be read: damaged or not an image") from error
    if mode not in ("P", "L", "1") and not mode.startswith("I;16"):
        raise DataError(f"{path} is a colour image ({mode}); a class map must have a palette or be grey")
    if int(numbers.max(initial=0)) > IGNORED:
        raise DataError(f"{path} contains {numbers.max()}; a class map has at most {IGNORED}")
    classes: Bytes = (numbers // step if step > 1 else numbers).astype(np.uint8)
    return classes


def _mat(content: bytes, path: Path) -> Bytes:
    """The class map in a .mat file (Hariharan et al., Semantic contours from inverse detectors, ICCV 2011)."""
    from scipy.io import loadmat  # imported here because it is rarely needed

    try:
        content_map = loadmat(io.BytesIO(content))["GTcls"][0]["Segmentation"][0]
        numbers: Bytes = np.ascontiguousarray(content_map, dtype=np.uint8)
    except Exception as error:  # for a damaged file, loadmat raises many different types
        raise DataError(f"{path} is damaged or does not contain a class map of SBD: {error}") from error
    return numbers
