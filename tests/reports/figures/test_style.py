"""Colours, markers and lines of series."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from attnctl.reports.figures import save, style
from attnctl.reports.figures.data import COLUMN, PAGE
from tests.reports.figures.figure_runs import DRAWINGS


def test_series_have_distinct_colours_markers_and_lines() -> None:
    looks = [style.look(number) for number in range(21)]
    assert len({(look.colour, look.marker) for look in looks}) == 21
    assert len({look.colour for look in looks[:7]}) == len({look.marker for look in looks[:7]}) == 7


def shown_texts(figure: Figure) -> list[Text]:
    """All texts that a reader sees; axes also have texts of ticks outside their limits."""
    outside = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            drawn = axis._update_ticks()  # type: ignore[union-attr]
            outside |= {tick.label1 for tick in axis.get_major_ticks() if tick not in drawn}
    found = [text for text in figure.findobj(Text) if isinstance(text, Text) and text not in outside]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("inches", [COLUMN, PAGE])
def test_every_text_has_8_points_in_print_and_covers_no_other(name: str, inches: float) -> None:
    with style.styled():
        figure = save.drawn(DRAWINGS[name](), inches)
        figure.draw_without_rendering()
        texts = shown_texts(figure)
        assert {text.get_fontsize() for text in texts} == {8.0}
        assert figure.get_size_inches()[0] <= inches + 0.01
        boxes = [(text.get_text(), Text.get_window_extent(text)) for text in texts]
    overlapping = [
        (one, other)
        for k, (one, box) in enumerate(boxes)
        for other, beside in boxes[k + 1 :]
        if box.padded(-0.5).overlaps(beside.padded(-0.5))
    ]
    assert overlapping == []


def test_the_colours_are_told_apart_by_people_who_see_no_red_or_no_green() -> None:
    """By Vienot, Brettel and Mollon, 1999: the distance of each pair, in linear light, after the loss of a cone."""
    colours = np.array([to_rgb(style.look(number).colour) for number in range(len(style.COLOURS))]) ** 2.2
    to_cones = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    for loss in (np.eye(3), protan, deutan):
        seen = np.clip(colours @ (np.linalg.inv(to_cones) @ loss @ to_cones).T, 0, 1) ** (1 / 2.2)
        apart = [float(np.linalg.norm(seen[a] - seen[b])) for a in range(len(seen)) for b in range(a)]
        assert min(apart) > 0.1
