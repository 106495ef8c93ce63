"""Two networks on the same images, each trained with several seeds: McNemar's test over images, and an interval.

The seeds' predictions of one image are no independent observations: an image that is hard for one seed is hard for the
others. Each image therefore counts as one cluster (Durkalski et al., Analysis of clustered matched-pair data,
Statistics in Medicine 22, 2003). Their statistic, (sum d)^2 / sum d^2 with d of each image, is the large-sample form
of the exact test here: given the sizes of d, each image has either sign alike. With one seed that is McNemar's.

That test is of these trained networks. The interval is also of other seeds: its bootstrap draws seeds and images, each
by themselves (Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attnctl.reports.statistics.means import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Rights = npt.NDArray[np.bool_]
    Differences = npt.NDArray[np.int64]

RESAMPLES = 4999
_AT_ONCE = 200


def differences(ours: Sequence[Rights], theirs: Sequence[Rights]) -> Differences:
    """For each seed (row) and image (column): 1 where only ours is right, -1 where only theirs is, else 0."""
    import numpy as np

    return np.asarray(ours).astype(np.int64) - np.asarray(theirs).astype(np.int64)


def gain(found: Differences) -> float:
    """The mean difference in percentage points."""
    return 100 * float(found.mean())


def p_value(found: Differences) -> float:
    """The exact two-sided p value over images: McNemar's test with one seed, and its form for clusters with several.

    The distribution of the sum is computed from its characteristic function, the product of cos(size * angle).
    """
    import numpy as np

    sums = np.abs(found.sum(axis=0))
    observed = abs(int(found.sum()))
    length = 2 * int(sums.sum()) + 1
    angles = 2 * np.pi * np.arange(length) / length
    characteristic = np.ones(length)
    for size, images in zip(*np.unique(sums[sums > 0], return_counts=True), strict=True):
        characteristic *= np.cos(size * angles) ** images
    probabilities = np.fft.fft(characteristic).real / length  # of the sums 0, 1, ..., -2, -1
    inner = probabilities[:observed].sum() + probabilities[length - observed + 1 :].sum() if observed else 0.0
    return float(min(1.0, max(0.0, 1.0 - inner)))


def interval(found: Differences, resamples: int = RESAMPLES) -> tuple[float, float] | None:
    """The bootstrap interval of the gain in points, over seeds and images; None for one seed, and for equal results.

    The same at every call.
    """
    import numpy as np

    seeds, images = found.shape
    if seeds < 2 or not found.any():
        return None
    patterns, counts = np.unique(found, axis=1, return_counts=True)  # images of one pattern are drawn together
    generator = np.random.default_rng(0)
    values: list[float] = []
    while len(values) < resamples:
        times = min(_AT_ONCE, resamples - len(values))
        drawn_images = generator.multinomial(images, counts / images, size=times)
        drawn_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=times)
        values += (((drawn_images @ patterns.T) * drawn_seeds).sum(axis=1) * 100 / (seeds * images)).tolist()
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
