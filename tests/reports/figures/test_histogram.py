"""Histograms of responses, drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from attnctl.reports.figures import histogram, style
from tests.reports.figures.figure_runs import histograms


def test_panels_have_a_line_per_class_and_edges_name_rows_and_columns() -> None:
    figure = histogram.draw(histograms(), "page")
    assert len(figure.axes) == 4
    assert [axes.get_title() for axes in figure.axes] == ["no attention", "an", "", ""]
    assert [axes.get_ylabel() for axes in figure.axes] == ["layer1", "", "layer2", ""]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "response", "response"]
    assert all(len(axes.lines) >= 2 for axes in figure.axes)
    assert all(axes.get_yscale() == "log" for axes in figure.axes)
    assert figure.get_size_inches()[0] == pytest.approx(style.INCHES["page"])


def test_densities_are_drawn_at_the_centres_of_their_bins() -> None:
    made = dataclasses.replace(histograms(), log=False)
    axes = histogram.draw(made, "page").axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xdata()), np.linspace(0.05, 0.95, 10))
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0
