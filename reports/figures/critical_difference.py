"""A critical-difference diagram: mean ranks on a line, and a bar over rows that do not differ significantly."""

from __future__ import annotations

from matplotlib.figure import Figure

from attnctl.reports.figures import style
from attnctl.reports.figures.data import CriticalDifference

_LINE = 0.19
"""Inches of a row's name."""


def draw(drawing: CriticalDifference, inches: float) -> Figure:
    """The diagram (Demsar 2006, figure 1); the best rows are at the left, where rank 1 is."""
    order = sorted(range(len(drawing.names)), key=lambda place: drawing.ranks[place])
    left = order[: (len(order) + 1) // 2]
    right = order[len(left) :]
    bars = len(drawing.cliques)
    depth = 1.0 + 0.35 * bars
    lines = max(len(left), len(right))
    height = _LINE * (lines + depth + 2.6) + (_LINE * 1.5 if drawing.title else 0)
    figure = style.new_figure(inches, height)
    axes = figure.subplots()
    low, high = 1, len(order)
    room = 0.55 * (high - low)
    axes.set(xlim=(low - room, high + room), ylim=(-(depth + lines), 2.4))
    axes.set_axis_off()
    ink = style.ink()
    axes.plot([low, high], [0, 0], color=ink, linewidth=0.8)
    for rank in range(low, high + 1):
        axes.plot([rank, rank], [0, 0.25], color=ink, linewidth=0.8)
        axes.text(rank, 0.4, str(rank), ha="center", va="bottom")
    axes.plot([low, low + drawing.distance], [1.75, 1.75], color=ink, linewidth=1.6, solid_capstyle="butt")
    axes.text(low + drawing.distance + 0.05 * (high - low), 1.75, f"CD = {drawing.distance:.2f}", va="center")
    for number, members in enumerate(drawing.cliques):
        ends = [drawing.ranks[place] for place in members]
        at = -0.35 - 0.35 * number
        axes.plot([min(ends) - 0.02, max(ends) + 0.02], [at, at], color=ink, linewidth=2.4, solid_capstyle="butt")
    beyond = 0.06 * (high - low)
    for places, end, align in ((left, low - beyond, "right"), (right[::-1], high + beyond, "left")):
        for number, place in enumerate(places):
            at = -(depth + number + 0.3)
            axes.plot([drawing.ranks[place], drawing.ranks[place], end], [0, at, at], color=ink, linewidth=0.6)
            axes.text(end, at, f" {drawing.names[place]} ", ha=align, va="center")
    if drawing.title:
        axes.set_title(style.folded(drawing.title, inches))
    return figure
