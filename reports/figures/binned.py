"""Values as histograms."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from attnctl.reports.figures.data import Distribution

BINS = 40

Floats = npt.NDArray[np.floating]


def edges(values: Sequence[Floats], bins: int = BINS) -> npt.NDArray[np.float64]:
    """(bins + 1,) equal bins over all finite values."""
    finite = [one[np.isfinite(one)] for one in values]
    low = min((float(one.min()) for one in finite if one.size), default=0.0)
    high = max((float(one.max()) for one in finite if one.size), default=1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def distributions(
    classes: Mapping[str, Sequence[Floats]], edges: npt.NDArray[np.float64], *, pooled: bool = False
) -> tuple[Distribution, ...]:
    """Of each class a line for each image, or one for all of them. classes: name -> the values of each image."""
    found = []
    for name, images in classes.items():
        alone = np.array([_density(one, edges) for one in images])
        lines = _density(np.concatenate(images), edges)[None] if pooled else alone
        found.append(Distribution(name=name, densities=lines, distance=distance(alone, edges)))
    return tuple(found)


def distance(densities: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> float | None:
    """The mean over all pairs of lines of half the integral of their difference; None for a single line."""
    pairs = list(itertools.combinations(range(len(densities)), 2))
    if not pairs:
        return None
    width = np.diff(edges)
    return float(np.mean([0.5 * (np.abs(densities[a] - densities[b]) * width).sum() for a, b in pairs]))


def _density(values: Floats, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    finite = values[np.isfinite(values)]
    counts = np.histogram(finite, edges)[0].astype(np.float64)
    return counts / (max(1, finite.size) * np.diff(edges))
