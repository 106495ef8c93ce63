"""Percentages as bars, drawn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from attnctl.reports.figures import bars, style
from attnctl.reports.figures.data import COLUMN, PAGE
from tests.reports.figures.figure_runs import NAME, class_bars, reliability_bars


def test_the_bars_of_several_runs_stand_side_by_side_and_are_named() -> None:
    with style.styled():
        figure = bars.draw(class_bars(), COLUMN)
    (axes,) = figure.axes
    drawn = sorted(
        (patch.get_x(), patch.get_width(), patch.get_height()) for patch in axes.patches if isinstance(patch, Rectangle)
    )
    assert [height for _, _, height in drawn] == [90, 89, 40, 41], "a class without images has no bar"
    assert all(x + width <= other + 1e-9 for (x, width, _), (other, _, _) in pairwise(drawn))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ResNet-20", NAME]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog", NAME]


@pytest.mark.parametrize(("inches", "shape"), [(COLUMN, (2, 1)), (PAGE, (1, 2))])
def test_a_reliability_diagram_has_a_panel_for_each_run(inches: float, shape: tuple[int, int]) -> None:
    with style.styled():
        figure = bars.draw(reliability_bars(), inches)
    first, second = figure.axes
    grid = first.get_gridspec()
    assert grid is not None
    assert (grid.nrows, grid.ncols) == shape
    for axes in (first, second):
        (diagonal,) = axes.lines
        assert np.asarray(diagonal.get_xydata()).tolist() == [[-0.5, 0], [14.5, 100]]
        assert axes.get_ylim() == (0, 100)
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "25", "50", "75", "100"]
        assert axes.get_xticks().tolist() == pytest.approx([-0.5, 3.25, 7, 10.75, 14.5])
        assert len(axes.patches) == 15
    assert (first.get_title(), second.get_title()) == ("ResNet-20 (ECE 3.3 %)", "SE (ECE 3.3 %)")
    assert not figure.legends
