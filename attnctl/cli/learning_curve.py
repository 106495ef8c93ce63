"""A learning curve in lines of text, for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Sequence

HEIGHT = 8
"""Lines of the curve."""

_LEAST = 10
"""Columns of the curve, at least."""


def lines(points: Sequence[tuple[float, float]], title: str, cells: int, mark: str = "*") -> list[str]:
    """The values over the epochs, in lines of that many cells; a column of several epochs shows their mean.

    points: (epoch, value), ascending; two at least. mark: the character of a point.
    """
    epochs, values = [x for x, _ in points], [y for _, y in points]
    low, high = min(values), max(values)
    labels = [f"{high:.4g}", f"{low:.4g}"]
    margin = max(map(len, labels))
    width = max(_LEAST, cells - margin - 2)
    rows = [[" "] * width for _ in range(HEIGHT)]
    for column, value in _columns(points, width).items():
        rows[_line(value, low, high)][column] = mark
    axis = "+" + "-" * width
    first, last = f"{epochs[0]:g}", f"epoch {epochs[-1]:g}"
    drawn = [f"{title}"]
    for number, row in enumerate(rows):
        label = labels[0] if number == 0 else labels[1] if number == HEIGHT - 1 else ""
        drawn.append(f"{label:>{margin}} |{''.join(row)}".rstrip())
    drawn.append(f"{'':>{margin}} {axis}")
    drawn.append(f"{'':>{margin}}  {first}{last:>{max(1, width - len(first))}}")
    return drawn


def _columns(points: Sequence[tuple[float, float]], width: int) -> dict[int, float]:
    """Column -> the mean of the values in it."""
    first, last = points[0][0], points[-1][0]
    found: dict[int, list[float]] = {}
    for epoch, value in points:
        part = (epoch - first) / (last - first) if last > first else 0.0
        found.setdefault(round(part * (width - 1)), []).append(value)
    return {column: sum(values) / len(values) for column, values in found.items()}


def _line(value: float, low: float, high: float) -> int:
    """The line of a value, from the top."""
    part = (value - low) / (high - low) if high > low else 0.5
    return round((1.0 - part) * (HEIGHT - 1))
