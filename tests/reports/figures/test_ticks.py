"""Scales and ticks of axes."""

from __future__ import annotations

import pytest

from attnctl.reports.figures import style, ticks
from attnctl.reports.figures.data import Axis


@pytest.mark.parametrize("inches", [1.5, 3.3, 6.9])
@pytest.mark.parametrize("values", [(0.27251, 0.27252, 0.27253, 0.27254), tuple(float(k) for k in range(0, 4000, 500))])
def test_no_two_ticks_have_texts_that_touch(values: tuple[float, ...], inches: float) -> None:
    with style.styled():
        figure = style.new_figure(inches, 2)
        axes = figure.subplots()
        axes.plot(values, values)
        ticks.scale(axes, Axis(name="x", title="x", ticks=values))
        ticks.thin_out(figure, [axes])
        figure.draw_without_rendering()
        boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert boxes
    assert not any(box.overlaps(other) for k, box in enumerate(boxes) for other in boxes[k + 1 :])


def test_a_scale_with_zero_is_linear_up_to_the_least_value() -> None:
    with style.styled():
        figure = style.new_figure(3.3, 2)
        axes = figure.subplots()
        ticks.scale(axes, Axis(name="penalty", title="penalty", log=10, linear_below=1e-4, ticks=(0.0, 1e-4, 1e-3)))
        axes.set_xlim(0, 1e-3)
        figure.draw_without_rendering()
        assert axes.get_xscale() == "symlog"
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.0001", "0.001"]
