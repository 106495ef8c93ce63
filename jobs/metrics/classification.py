"""What the predictions of a classifier tell beyond its accuracy: by class, confused classes, calibration, pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer]

BINS = 15
"""Intervals of confidence in the calibration error, as in Guo et al., On calibration of modern networks, ICML 2017."""


def by_class(labels: Integers, predicted: Integers, classes: int) -> list[tuple[int, int]]:
    """For each class how many of its images are predicted rightly, and how many there are."""
    total = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[labels == predicted], minlength=classes)
    return [(int(r), int(n)) for r, n in zip(right, total, strict=True)]


def confused(labels: Integers, predicted: Integers) -> list[tuple[int, int, int]]:
    """(true class, predicted class, images) of the wrong predictions, most frequent first."""
    wrong = labels != predicted
    pairs, counts = np.unique(np.stack((labels[wrong], predicted[wrong])), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(int(pairs[0, k]), int(pairs[1, k]), int(counts[k])) for k in order]


def calibration_error(confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], bins: int = BINS) -> float:
    """The expected calibration error in percent: how far the confidence is from the accuracy, on average.

    confidence: (n,), the probability of each predicted class. The intervals of confidence have equal widths.
    """
    _, confidences, hits = _by_interval(confidence, right, bins)
    return float(100 * np.abs(confidences - hits).sum() / max(len(right), 1))


def reliability(
    confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], bins: int = BINS
) -> list[tuple[int, float | None]]:
    """(images, accuracy in percent) of each interval of confidence; None where there is no image."""
    counts, _, hits = _by_interval(confidence, right, bins)
    return [(int(n), 100 * float(hit) / int(n) if n else None) for n, hit in zip(counts, hits, strict=True)]


def confusion(labels: Integers, predicted: Integers, classes: int) -> npt.NDArray[np.int64]:
    """(classes, classes): how many images of each true class, a row, are predicted as each class."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _by_interval(
    confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], bins: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The images, the sum of their confidences, and those that are right, of each interval."""
    interval = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return (
        np.bincount(interval, minlength=bins),
        np.bincount(interval, confidence, bins).astype(np.float64),
        np.bincount(interval, right.astype(float), bins).astype(np.float64),
    )


def mcnemar(first: Sequence[bool] | npt.NDArray[np.bool_], second: Sequence[bool] | npt.NDArray[np.bool_]) -> Pair:
    """Compare two networks on the same images; first, second: whether each of them is right."""
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    return Pair(int((a & ~b).sum()), int((b & ~a).sum()))


class Pair:
    """Two networks on the same images. only_first, only_second: images that only one of them predicts rightly."""

    def __init__(self, only_first: int, only_second: int) -> None:
        self.only_first, self.only_second = only_first, only_second

    @property
    def p(self) -> float:
        """The p value of McNemar's exact test: that such a difference comes by chance."""
        from scipy.stats import binomtest

        count = self.only_first + self.only_second
        return float(binomtest(self.only_first, count).pvalue) if count else 1.0
