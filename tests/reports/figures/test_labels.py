"""Names beside points."""

from __future__ import annotations

import pytest

from attnctl.reports.figures import save, style
from attnctl.reports.figures.data import COLUMN, PAGE
from tests.reports.figures.figure_runs import scatter_chart


@pytest.mark.parametrize("width", [COLUMN, PAGE])
def test_no_name_of_a_point_covers_another_or_the_edge(width: float) -> None:
    with style.styled():
        figure = save.drawn(scatter_chart(), width)
        figure.draw_without_rendering()
        labels = [text for text in figure.axes[0].texts if text.get_text()]
        boxes = [label.get_window_extent() for label in labels]
        assert {label.get_text() for label in labels} == {f"{kind} {k}" for kind in ("front", "rest") for k in range(3)}
        assert [label.get_fontweight() for label in labels].count("bold") == 3
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[number + 1 :])
            assert figure.bbox.containsx(box.x1)
            assert figure.bbox.containsx(box.x0)
