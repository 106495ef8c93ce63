"""Data sets of installed packages that provide the images by a function; the result is checked."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attnctl.datasets import Dataset
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.memory import Split, Splits


def load(dataset: Dataset, folder: Path | None) -> Splits:
    """Call the function that `dataset.load` names; raises DataError if its result does not match the descriptor."""
    module, _, function = dataset.load.partition(":")
    try:
        parts = getattr(import_module(module), function)(folder)
        (train, test) = (_split(images, labels) for images, labels in parts)
    except DataError:
        raise
    except Exception as error:  # any error of the package's code
        raise DataError(f"{dataset.name}: {dataset.load} failed: {type(error).__name__}: {error}") from error
    for part, noun, size in ((train, "training", dataset.train_size), (test, "test", dataset.test_size)):
        shape = (size, dataset.channels, dataset.height, dataset.width)
        if part.images.shape != shape or part.images.dtype != torch.uint8 or part.labels.shape != (size,):
            raise DataError(
                f"{dataset.name}: {dataset.load} returns {noun} images {tuple(part.images.shape)} of "
                f"{part.images.dtype} and labels {tuple(part.labels.shape)}; they must be {shape} uint8 and ({size},)"
            )
        if int(part.labels.min()) < 0 or int(part.labels.max()) >= dataset.classes:
            raise DataError(f"{dataset.name}: {dataset.load} returns {noun} labels outside 0..{dataset.classes - 1}")
    return Splits(train, test)


def _split(images: Any, labels: Any) -> Split:
    return Split(torch.from_numpy(np.asarray(images)), torch.from_numpy(np.asarray(labels).astype(np.int64)))
