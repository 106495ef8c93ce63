"""Legends."""

from __future__ import annotations

from attnctl.reports.figures import save, style
from attnctl.reports.figures.data import PAGE
from tests.reports.figures.figure_runs import curves_chart


def test_the_epochs_to_a_target_are_in_the_legend() -> None:
    with style.styled():
        figure = save.drawn(curves_chart(), PAGE)
        (legend,) = figure.legends
        words = [text.get_text() for text in legend.get_texts()]
    assert words == ["no attention (15)", "se (14)", "ean G=8 (13)", "(epochs to top-1 of 72)"]
    assert len(figure.axes) == 2
