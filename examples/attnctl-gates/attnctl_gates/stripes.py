"""A data set that is drawn: stripes of four directions. This file is read while planning, so it imports little."""

from pathlib import Path
from typing import Any

from attnctl.datasets import Dataset

_SIDE, _TRAIN, _TEST = 16, 512, 128

STRIPES = Dataset(
    name="stripes",
    version=1,
    classes=4,
    train_size=_TRAIN,
    test_size=_TEST,
    height=_SIDE,
    width=_SIDE,
    mean=(0.5, 0.5, 0.5),
    std=(0.35, 0.35, 0.35),
    layout="loaded",
    default_backbone="resnet20",
    recipe="digits",
    load="attnctl_gates.stripes:load",
    source="stripes of four directions with noise, drawn from a fixed seed",
)


def load(_folder: Path | None) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The training and the test set: images (n, 3, 16, 16) of bytes, and labels (n,)."""
    import numpy as np

    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(_TRAIN + _TEST) % STRIPES.classes)
    y, x = np.mgrid[:_SIDE, :_SIDE]
    directions = np.stack([x, y, x + y, x - y])
    phase = random.integers(0, 4, size=(len(labels), 1, 1))
    stripes = ((directions[labels] + phase) // 2 % 2) * 180
    noisy = stripes[:, None] + random.integers(0, 76, size=(len(labels), 3, _SIDE, _SIDE))
    images = noisy.astype(np.uint8)
    return (images[:_TRAIN], labels[:_TRAIN]), (images[_TRAIN:], labels[_TRAIN:])
