"""A metric over the epochs, drawn."""

from __future__ import annotations

import dataclasses

from attnctl.reports.figures import curves
from tests.reports.figures.drawn_axes import axes, looks
from tests.reports.figures.figure_runs import curves_chart


def test_each_series_has_a_line_a_band_and_its_epochs_to_the_target() -> None:
    chart, _ = curves_chart().panels
    drawn = axes()
    handles = curves.draw(drawn, chart, looks(series.name for series in chart.series))
    assert [words for _, words in handles.values()] == [
        "no attention (15)",
        "se (14)",
        "ean G=8 (13)",
        "(epochs to top-1 of 72)",
    ]
    line = handles["se"][0]
    assert list(line.get_xdata()) == list(range(1, 31))
    assert len(drawn.collections) == 3, "a band for each"


def test_without_targets_the_legend_has_only_names() -> None:
    _, chart = curves_chart().panels
    handles = curves.draw(axes(), chart, looks(series.name for series in chart.series))
    assert [words for _, words in handles.values()] == ["no attention", "se", "ean G=8"]


def test_more_than_four_lines_have_no_bands() -> None:
    _, chart = curves_chart().panels
    first = chart.series[0]
    for count, bands in ((4, 4), (5, 0)):
        series = tuple(dataclasses.replace(first, name=f"module {k}") for k in range(count))
        drawn = axes()
        curves.draw(drawn, dataclasses.replace(chart, series=series), looks(one.name for one in series))
        assert len(drawn.collections) == bands
