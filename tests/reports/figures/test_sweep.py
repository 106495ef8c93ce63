"""A hyperparameter against a metric, drawn."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

from matplotlib.container import ErrorbarContainer

from attnctl.reports.figures import style, sweep
from attnctl.reports.figures.data import Series
from tests.reports.figures.drawn_axes import axes, looks
from tests.reports.figures.figure_runs import NAME, points, sweep_chart


def test_series_and_levels_have_legend_entries_and_levels_have_a_band_of_their_spread() -> None:
    (chart,) = sweep_chart().panels
    drawn = axes()
    handles = sweep.draw(drawn, chart, looks(series.name for series in chart.series))
    assert set(handles) == {NAME, "MobileNeXt", f"{NAME}, published", "no attention"}
    level = handles["no attention"][0]
    assert list(level.get_ydata()) == [75.5, 75.5]
    (band,) = drawn.patches
    low, high = (band.get_extents().transformed(drawn.transData.inverted()).bounds[k] for k in (1, 3))
    assert (round(low, 6), round(high, 6)) == (75.3, 0.4)


def test_error_bars_at_one_value_stand_beside_each_other() -> None:
    (chart,) = sweep_chart().panels
    series = tuple(Series(name=f"module {k}", points=points(76, 77, 78)) for k in range(3))
    with style.styled():
        figure = style.new_figure(3.3, 2)
        drawn = figure.subplots()
        sweep.draw(drawn, dataclasses.replace(chart, series=series), looks(one.name for one in series))
        figure.draw_without_rendering()
        bars = [container.lines[2][0] for container in drawn.containers if isinstance(container, ErrorbarContainer)]
        left = [bar.get_transform().transform(bar.get_segments()[0])[0][0] for bar in bars]
    assert len(left) == 3
    assert all((other - one) * 72 / figure.dpi >= 3 for one, other in pairwise(left))
