"""Histograms of responses, drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from attnctl.reports.figures import histogram
from attnctl.reports.figures.data import PAGE
from tests.reports.figures.figure_runs import histograms


def test_panels_have_a_line_per_class_and_edges_name_rows_and_columns() -> None:
    figure = histogram.draw(histograms(), PAGE)
    assert len(figure.axes) == 4
    assert [axes.get_title() for axes in figure.axes] == ["no attention", "an", "", ""]
    assert [axes.get_ylabel() for axes in figure.axes] == ["layer1\ndensity", "", "layer2\ndensity", ""]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "response", "response"]
    assert all(len(axes.lines) >= 2 for axes in figure.axes)
    assert all(axes.get_yscale() == "log" for axes in figure.axes)
    assert all(axes.get_yticks().size for axes in figure.axes)
    assert figure.get_size_inches()[0] == pytest.approx(PAGE)


def test_densities_are_drawn_at_the_centres_of_their_bins() -> None:
    made = dataclasses.replace(histograms(), log=False)
    axes = histogram.draw(made, PAGE).axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xdata()), np.linspace(0.05, 0.95, 10))
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0


def test_compared_panels_have_equal_ranges() -> None:
    made = histograms()
    wide = dataclasses.replace(made.panels[1], edges=made.panels[1].edges * 3 - 1)
    high = dataclasses.replace(
        made.panels[2],
        distributions=tuple(
            dataclasses.replace(one, densities=one.densities * 5) for one in made.panels[2].distributions
        ),
    )
    drawn = dataclasses.replace(made, panels=(made.panels[0], wide, high, made.panels[3]))
    for log in (True, False):
        first, second, third, fourth = histogram.draw(dataclasses.replace(drawn, log=log), PAGE).axes
        for one, other in ((first, second), (third, fourth)):
            assert one.get_xlim() == other.get_xlim()
            assert one.get_ylim() == other.get_ylim()
        assert first.get_xlim()[1] > third.get_xlim()[1]
        assert first.get_ylim()[1] < third.get_ylim()[1]
