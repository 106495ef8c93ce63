"""Handwritten digits, 8x8 grey, from scikit-learn (UCI Optical Recognition of Handwritten Digits)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from attnctl.datasets import Dataset
from attnctl.jobs.data.memory import Split, Splits
from attnctl.jobs.data.split import stratified


def load(dataset: Dataset) -> Splits:
    """The scans, scaled bilinearly to the data set's size, in equal channels, with a fixed stratified split."""
    scans, labels = read_scans()
    grey = torch.from_numpy(scans.astype(np.float32)).view(-1, 1, 8, 8)
    scaled = functional.interpolate(grey, (dataset.height, dataset.width), mode="bilinear", align_corners=False)
    # Ink is 0..16 and the weights are multiples of 1/64, so these sums and products are exact on every machine.
    images = (scaled * (255 / 16)).round().byte().expand(-1, dataset.channels, -1, -1)
    both = Split(images, torch.from_numpy(labels))
    train, test = stratified(both.labels.numpy(), dataset.test_size, f"{dataset.name} test")
    return Splits(both.part(torch.from_numpy(train)), both.part(torch.from_numpy(test)))


def read_scans() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The (1797, 64) grey values, 0 to 16, and the (1797,) labels, as `sklearn.datasets.load_digits` gives them.

    They are read without an import of scikit-learn, which takes longer than a short training.
    """
    package = importlib.util.find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("the data set digits is in scikit-learn, which is not installed", name="sklearn")
    file = Path(package.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    table = np.loadtxt(file, dtype=np.int64, delimiter=",")
    return np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1])
