"""Handwritten digits, 8x8 grey, from scikit-learn (UCI Optical Recognition of Handwritten Digits)."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from attnctl.datasets import Dataset
from attnctl.jobs.data.memory import Split, Splits
from attnctl.jobs.data.split import stratified


def load(dataset: Dataset) -> Splits:
    """The scans, scaled bilinearly to the data set's size, in equal channels, with a fixed stratified split."""
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    grey = torch.from_numpy(np.ascontiguousarray(scans, dtype=np.float32)).view(-1, 1, 8, 8)
    scaled = functional.interpolate(grey, (dataset.height, dataset.width), mode="bilinear", align_corners=False)
    # Ink is 0..16 and the weights are multiples of 1/64, so these sums and products are exact on every machine.
    images = (scaled * (255 / 16)).round().byte().expand(-1, dataset.channels, -1, -1)
    both = Split(images, torch.from_numpy(labels.astype(np.int64)))
    train, test = stratified(both.labels.numpy(), dataset.test_size, f"{dataset.name} test")
    return Splits(both.part(torch.from_numpy(train)), both.part(torch.from_numpy(test)))
