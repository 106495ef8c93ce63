"""Values as histograms, and as smooth densities."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from attnctl.reports.figures.data import Distribution

BINS = 40
_FINE = 8
"""Fine bins in each: a density is smoothed over these."""

Floats = npt.NDArray[np.floating]
Numbers = npt.NDArray[np.float64]


def edges(values: Sequence[Floats], bins: int = BINS) -> Numbers:
    """(bins + 1,) equal bins over all finite values."""
    finite = [one[np.isfinite(one)] for one in values]
    low = min((float(one.min()) for one in finite if one.size), default=0.0)
    high = max((float(one.max()) for one in finite if one.size), default=1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def distributions(
    classes: Mapping[str, Sequence[Floats]], edges: Numbers, *, pooled: bool = False
) -> tuple[Distribution, ...]:
    """Of each class a line for each image, or one for all of them. classes: name -> the values of each image."""
    found = []
    for name, images in classes.items():
        lines = [np.concatenate(images)] if pooled else images
        found.append(
            Distribution(
                name=name,
                densities=np.array([smooth(one, edges) for one in lines]),
                distance=distance(np.array([_density(one, edges) for one in images]), edges),
            )
        )
    return tuple(found)


def distance(densities: Numbers, edges: Numbers) -> float | None:
    """The mean over all pairs of lines of half the integral of their difference; None for a single line."""
    pairs = list(itertools.combinations(range(len(densities)), 2))
    if not pairs:
        return None
    width = np.diff(edges)
    return float(np.mean([0.5 * (np.abs(densities[a] - densities[b]) * width).sum() for a, b in pairs]))


def smooth(values: Floats, edges: Numbers) -> Numbers:
    """The density at the middle of each bin: a Gaussian kernel with Silverman's bandwidth, reflected at the ends.

    The kernel is applied to counts in fine bins, since a map has too many values for one kernel each.
    """
    fine = np.linspace(edges[0], edges[-1], (len(edges) - 1) * _FINE + 1)
    width = float(fine[1] - fine[0])
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return np.zeros(len(edges) - 1)
    density = gaussian_filter1d(_density(finite, fine), max(_FINE / 2, _bandwidth(finite) / width), mode="reflect")
    return np.asarray(density.reshape(-1, _FINE).mean(1), dtype=np.float64)


def _bandwidth(values: Numbers) -> float:
    """Silverman, Density estimation for statistics and data analysis, 1986, equation 3.31."""
    low, high = np.percentile(values, (25, 75))
    spreads = [spread for spread in (float(values.std()), float(high - low) / 1.34) if spread > 0]
    return float(0.9 * min(spreads, default=0.0) * values.size**-0.2)


def _density(values: Floats, edges: Numbers) -> Numbers:
    finite = values[np.isfinite(values)]
    counts = np.histogram(finite, edges)[0].astype(np.float64)
    return counts / (max(1, finite.size) * np.diff(edges))
