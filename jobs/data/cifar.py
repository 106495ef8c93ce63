"""Reads CIFAR-10 and CIFAR-100 as published: the batches for Python, in a folder or inside the .tar.gz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from attnctl.datasets import Dataset
from attnctl.files import read_regular
from attnctl.jobs.data.archive import LARGEST_MEMBER, archive_of, read_archive
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.memory import Split, Splits
from attnctl.jobs.data.unpickle import load_restricted
from attnctl.units import quantity


def load(dataset: Dataset, folder: Path) -> Splits:
    """Read the training batches and the test batch; raises DataError naming the missing or damaged file."""
    names = [item.name for item in dataset.files]
    batches = [_parse(data, dataset, source) for source, data in _read(dataset, folder, names)]
    is_test = [name.startswith("test") for name in names]
    train = [batch for batch, in_test in zip(batches, is_test, strict=True) if not in_test]
    test = [batch for batch, in_test in zip(batches, is_test, strict=True) if in_test]
    return Splits(_join(train), _join(test))


def _read(dataset: Dataset, folder: Path, names: list[str]) -> list[tuple[str, bytes]]:
    """Path and content of each batch, in the order of `names`."""
    if all((folder / name).is_file() for name in names):
        return [(str(folder / name), _content(folder / name)) for name in names]
    archive = archive_of(dataset.archive, folder)
    if archive is None:
        raise DataError(f"{folder} contains neither {dataset.archive} nor all of {', '.join(names)}")
    return read_archive(archive, names)


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_MEMBER:
            raise DataError(f"{path} has {size} bytes; a batch has at most {LARGEST_MEMBER}")
        return read_regular(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _parse(data: bytes, dataset: Dataset, source: str) -> Split:
    """Parse a batch: `data` (n, 3072) uint8, channels first, and `labels` or `fine_labels`."""
    batch = load_restricted(data, source)
    try:
        pixels, labels = _fields(batch)
        images = torch.from_numpy(pixels.reshape(-1, dataset.channels, dataset.height, dataset.width).copy())
        classes = torch.from_numpy(_integers(labels))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{source} is not a batch of {dataset.name}: {error!r}") from error
    if images.dtype != torch.uint8 or classes.shape != images.shape[:1]:
        images_text = f"{quantity(len(images), 'image')} of {images.dtype}"
        raise DataError(f"{source} contains {images_text} and {quantity(classes.numel(), 'label')}")
    if len(classes) == 0 or not 0 <= int(classes.min()) <= int(classes.max()) < dataset.classes:
        raise DataError(f"{source} is empty or contains labels outside 0..{dataset.classes - 1}")
    return Split(images, classes)


def _integers(labels: Any) -> npt.NDArray[np.int64]:
    array = np.asarray(labels)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError("its labels are not whole numbers")
    return array.astype(np.int64)


def _fields(batch: Mapping[Any, Any]) -> tuple[Any, Any]:
    """Pixels and labels. The keys, written by Python 2, are bytes or str, depending on who repacked the file."""
    named = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
    return named["data"], named["fine_labels"] if "fine_labels" in named else named["labels"]


def _join(parts: list[Split]) -> Split:
    return Split(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))
