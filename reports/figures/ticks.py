"""Scales and ticks of axes: where they are, what stands at them, and that no two of their texts touch."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from attnctl.reports.figures.data import Axis
from attnctl.values import format_value

_BETWEEN = 2.0
"""Points between the texts of two ticks."""


def scale(axes: Axes, axis: Axis, *, whole: bool = False) -> None:
    """The scale and ticks of the x axis. whole: at whole numbers only."""
    if whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axis.log and axis.linear_below:
        axes.set_xscale("symlog", base=axis.log, linthresh=axis.linear_below)
    elif axis.log:
        axes.set_xscale("log", base=axis.log)
    if axis.ticks:
        axes.xaxis.set_major_locator(FixedLocator(axis.ticks))
        axes.xaxis.set_minor_locator(NullLocator())
    if axis.ticks or axis.log:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_value(float(value))))


def thin_out(figure: Figure, every: Iterable[Axes], *, upright: bool = False) -> None:
    """Leave out ticks of x axes whose texts would touch those of others: every second one, or more.

    upright: texts that would touch are turned first, since they are names and each of them counts
    """
    figure.draw_without_rendering()
    for axes in every:
        low, high = sorted(axes.get_xlim())
        ticks = [float(tick) for tick in axes.get_xticks() if low <= tick <= high]
        if upright and _touch(axes, _BETWEEN * figure.dpi / 72):
            longest = max(label.get_window_extent().width for label in axes.get_xticklabels()) / figure.dpi
            axes.tick_params("x", rotation=90)
            width, height = figure.get_size_inches()
            figure.set_size_inches(width, height + longest)
            figure.draw_without_rendering()
        step = 1
        while step < len(ticks) and _touch(axes, _BETWEEN * figure.dpi / 72):
            step += 1
            axes.xaxis.set_major_locator(FixedLocator(ticks[::step]))
            figure.draw_without_rendering()


def _touch(axes: Axes, apart: float) -> bool:
    """Whether the texts of two ticks are less than `apart` pixels from each other."""
    extents = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    return any(one.x1 + apart > other.x0 for one, other in pairwise(extents))
