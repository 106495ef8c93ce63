"""Axes to draw on, and the looks of names."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attnctl.reports.figures import style
from attnctl.reports.figures.style import Look


def axes() -> Axes:
    return Figure().subplots()


def looks(names: Iterable[str]) -> dict[str, Look]:
    return {name: style.look(number) for number, name in enumerate(names)}
