"""Charts side by side under one legend."""

from __future__ import annotations

import dataclasses

import pytest

from attnctl.reports.figures import lines
from attnctl.reports.figures.data import COLUMN, PAGE, Charts
from tests.reports.figures.figure_runs import curves_chart, scatter_chart, sweep_chart


@pytest.mark.parametrize("inches", [COLUMN, PAGE, 4.5])
@pytest.mark.parametrize("made", [sweep_chart, curves_chart, scatter_chart])
def test_a_figure_has_one_axes_per_panel_and_the_papers_width(made: type, inches: float) -> None:
    charts: Charts = made()
    figure = lines.draw(charts, inches)
    assert len(figure.axes) == len(charts.panels)
    assert figure.get_size_inches()[0] == pytest.approx(inches)


def test_a_name_has_one_look_in_all_panels() -> None:
    first, second = lines.draw(curves_chart(), PAGE).axes
    assert [line.get_color() for line in first.lines[:1]] == [line.get_color() for line in second.lines[:1]]


def test_axes_have_their_titles_scales_and_ticks() -> None:
    (axes,) = lines.draw(sweep_chart(), COLUMN).axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale()) == ("G", "top-1 (%)", "log")
    assert list(axes.get_xticks()) == [1, 2, 4, 8]


def test_four_panels_form_two_rows_on_a_page_and_one_column_in_a_column() -> None:
    charts = dataclasses.replace(curves_chart(), panels=curves_chart().panels * 2)
    grids = {width: lines.draw(charts, width).axes[0].get_gridspec() for width in (COLUMN, PAGE)}
    assert {width: (grid.nrows, grid.ncols) for width, grid in grids.items() if grid} == {
        COLUMN: (4, 1),
        PAGE: (2, 3),
    }


def test_an_axis_of_zeros_alone_does_not_reach_below_zero() -> None:
    charts = curves_chart()
    flat = tuple(
        dataclasses.replace(series, points=tuple(dataclasses.replace(point, y=0.0) for point in series.points))
        for series in charts.panels[0].series
    )
    panel = dataclasses.replace(charts.panels[0], series=flat, targets=(), reached=())
    flat_axes, axes = lines.draw(dataclasses.replace(charts, panels=(panel, charts.panels[1])), PAGE).axes
    assert flat_axes.get_ylim() == (-0.05, 1)
    assert axes.get_ylim() != (-0.05, 1)
