"""Opens packed images, as `ImageFiles`; see `attnctl.datasets.packed`."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from attnctl.datasets import packed
from attnctl.datasets.packed import PackedFolder
from attnctl.files import read_regular, reason
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.files import ShardFiles

ROW = np.dtype([("shard", "<i4"), ("size", "<i4"), ("offset", "<i8"), ("label", "<i8")])
"""A row of an index: where the bytes of an image are, and its class."""

Rows = npt.NDArray[np.void]


def suffix(quality: int) -> str:
    """The suffix of the images in a shard: of JPEG files, or with quality 0 of pixels that are not compressed."""
    return ".jpg" if quality else ".ppm"


def open_packed(folder: PackedFolder) -> list[ShardFiles]:
    """The training and the test images; raises DataError naming a file that is damaged."""
    return [_open_part(folder, part) for part in packed.PARTS]


def _open_part(folder: PackedFolder, part: str) -> ShardFiles:
    path, expected = folder.root / part / packed.INDEX, folder.manifest.parts[part]
    try:
        content = read_regular(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason(error)}") from error
    if hashlib.sha256(content).hexdigest() != expected.index or len(content) != expected.images * ROW.itemsize:
        raise DataError(f"{path} is damaged: its SHA-256 is not that of {packed.MANIFEST}; {folder.advice}")
    rows = np.frombuffer(content, ROW)
    labels, classes = rows["label"].astype(np.int64), folder.manifest.classes
    ranges = (labels, len(classes)), (rows["shard"], len(expected.shards)), (rows["offset"], 1 << 50)
    if not all(((values >= 0) & (values < end)).all() for values, end in ranges) or (rows["size"] <= 0).any():
        raise DataError(f"{path} is damaged: a number is out of range; {folder.advice}")
    keys = np.char.add(np.char.zfill(np.arange(len(rows)).astype("S"), 7), suffix(folder.manifest.quality).encode())
    locations = np.stack([rows[name].astype(np.int64) for name in ("shard", "offset", "size")], axis=1)
    return ShardFiles(folder.shards(part), labels, keys, locations, classes)
