"""A hyperparameter against a metric, drawn."""

from __future__ import annotations

from attnctl.reports.figures import sweep
from tests.reports.figures.drawn_axes import axes, looks
from tests.reports.figures.figure_runs import NAME, sweep_chart


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
