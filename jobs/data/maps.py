"""Maps of whole numbers, one for each pixel: palette or grey PNGs, and .mat files of the Semantic Boundaries set."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.images import DAMAGED
from attnctl.jobs.data.scenes import Bytes


def read_map(path: Path, height: int, width: int) -> Bytes:
    """(height, width) numbers of a map that belongs to an image of this size; raises DataError naming the file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    found = _mat(content, path) if path.suffix == ".mat" else _png(content, path)
    if found.shape != (height, width):
        raise DataError(f"{path} is {found.shape[1]}x{found.shape[0]} pixels, its image {width}x{height}")
    return found


def _png(content: bytes, path: Path) -> Bytes:
    """The palette's numbers, not its colours."""
    try:
        with Image.open(io.BytesIO(content)) as encoded:
            mode, found = encoded.mode, np.array(encoded)
    except DAMAGED as error:
        raise DataError(f"{path} cannot be read: damaged or not an image") from error
    if mode not in ("P", "L"):
        raise DataError(f"{path} holds colours ({mode}); a map has a palette, or grey values that are the numbers")
    return found


def _mat(content: bytes, path: Path) -> Bytes:
    """The class map in it (Hariharan et al., Semantic contours from inverse detectors, ICCV 2011)."""
    from scipy.io import loadmat  # type: ignore[import-untyped]  # imported where it is needed, once in a while

    try:
        found: Bytes = np.ascontiguousarray(loadmat(io.BytesIO(content))["GTcls"][0]["Segmentation"][0], dtype=np.uint8)
    except Exception as error:  # a damaged file raises nearly every type there is
        raise DataError(f"{path} is damaged or holds no class map of SBD: {error}") from error
    return found
