"""Fixed, stratified splits of a data set: the same in every run, process and release."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.seeding import derive, hashes
from attnctl.units import quantity

Integers = npt.NDArray[np.int64]


def stratified(labels: Integers, count: int, purpose: str) -> tuple[Integers, Integers]:
    """Split into indices (rest, selected), ascending, with `count` selected in proportion to the class sizes.

    labels: (n,) class numbers. The selection depends only on `purpose` and the labels: the samples of a class are
    ranked by a hash of their index, so it does not depend on any library's random generator.
    """
    ranked = np.lexsort((hashes(len(labels), derive("split", purpose)), labels))  # by class, then by hash
    counts = np.bincount(labels)
    chosen = np.zeros(len(labels), dtype=bool)
    for first, share in zip(np.cumsum(counts) - counts, _shares(counts, count), strict=True):
        chosen[ranked[first : first + share]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def validation_split(labels: Integers, fraction: float, dataset: str) -> tuple[Integers, Integers]:
    """The indices (training, validation) of `val_split`; independent of the seed, so they are the same in all runs."""
    count = round(fraction * len(labels))
    if not 0 < count < len(labels):
        raise DataError(
            f"val_split={fraction:g} of the {quantity(len(labels), 'training sample')} of {dataset} leaves "
            f"{count} for validation and {len(labels) - count} for training; neither may be empty"
        )
    return stratified(labels, count, f"{dataset} validation")


def _shares(counts: Integers, total: int) -> list[int]:
    """Divide `total` in proportion to `counts`, by largest remainders (ties: the lower class)."""
    quotas = [divmod(int(count) * total, int(counts.sum())) for count in counts]
    shares = [whole for whole, _ in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda c: -quotas[c][1])
    for c in by_remainder[: total - sum(shares)]:
        shares[c] += 1
    return shares
