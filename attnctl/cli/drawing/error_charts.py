"""What trained classifiers get wrong, as figures: reliability, confusion, and the accuracy of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.jobs.inspect.evaluating import Results
    from attnctl.reports.figures.data import Bars, Matrices

Of = Literal["reliability", "confusion", "classes"]

MOST_CLASSES = 100
"""Of a matrix, or of bars; more of them cannot be read."""


def drawing(results: Sequence[Results], names: Sequence[str], of: Of, title: str) -> Bars | Matrices:
    """The figure of some networks on the same images. Raises SpecError for too many classes."""
    classes = results[0].evaluation.classes
    if of != "reliability" and len(classes) > MOST_CLASSES:
        raise SpecError(
            f"{results[0].evaluation.dataset} has {len(classes)} classes, too many for a figure "
            f"(at most {MOST_CLASSES}); use --of reliability"
        )
    if of == "reliability":
        return _reliability(results, names, title)
    return _confusion(results, names, title) if of == "confusion" else _classes(results, names, title)


def _reliability(results: Sequence[Results], names: Sequence[str], title: str) -> Bars:
    from attnctl.jobs.metrics.classification import BINS, reliability
    from attnctl.reports.figures.data import BarPanel, Bars, BarSeries

    panels = []
    for result, name in zip(results, names, strict=True):
        found = reliability(result.confidence, result.predictions.right)
        series = BarSeries(
            name=name, heights=tuple(height for _, height in found), counts=tuple(count for count, _ in found)
        )
        error = result.evaluation.metrics["ece"]
        panels.append(
            BarPanel(
                title=f"{name} (ECE {error:.1f} %)",
                places=tuple(f"{100 * (number + 0.5) / BINS:.0f}" for number in range(BINS)),
                series=(series,),
            )
        )
    return Bars(title=title, x="confidence (%)", y="accuracy (%)", diagonal=True, panels=tuple(panels))


def _classes(results: Sequence[Results], names: Sequence[str], title: str) -> Bars:
    from attnctl.reports.figures.data import BarPanel, Bars, BarSeries

    series = tuple(
        BarSeries(
            name=name,
            heights=tuple(100 * right / count if count else None for right, count in result.evaluation.by_class),
            counts=tuple(count for _, count in result.evaluation.by_class),
        )
        for result, name in zip(results, names, strict=True)
    )
    panel = BarPanel(places=tuple(results[0].evaluation.classes), series=series)
    return Bars(title=title, x="class", y="accuracy (%)", panels=(panel,))


def _confusion(results: Sequence[Results], names: Sequence[str], title: str) -> Matrices:
    from attnctl.jobs.metrics.classification import confusion
    from attnctl.reports.figures.data import Matrices, MatrixPanel

    classes = results[0].evaluation.classes
    return Matrices(
        title=title,
        classes=tuple(classes),
        panels=tuple(
            MatrixPanel(
                title=name if len(results) > 1 else "",
                counts=confusion(result.predictions.labels, result.predictions.predicted, len(classes)),
            )
            for result, name in zip(results, names, strict=True)
        ),
    )
