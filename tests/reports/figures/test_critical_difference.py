"""The critical-difference diagram, drawn."""

from __future__ import annotations

import numpy as np
import pytest

from attnctl.reports.figures import critical_difference, style
from attnctl.reports.figures.data import COLUMN, PAGE, CriticalDifference
from attnctl.reports.figures.save import rendered

DEMSAR = CriticalDifference(
    names=("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"),
    ranks=(3.143, 2.0, 2.893, 1.964),
    distance=1.25,
    cliques=((3, 1, 2), (1, 2, 0)),
)


def test_every_row_has_a_name_and_a_line_from_its_rank() -> None:
    with style.styled():
        (axes,) = critical_difference.draw(DEMSAR, PAGE).axes
    texts = {text.get_text().strip() for text in axes.texts}
    assert texts == {*DEMSAR.names, "1", "2", "3", "4", "CD = 1.25"}
    drawn = [list(np.asarray(line.get_xdata(), dtype=float)) for line in axes.lines]
    assert sorted(xs[0] for xs in drawn if len(xs) == 3) == sorted(DEMSAR.ranks)


def test_a_bar_spans_the_rows_that_do_not_differ() -> None:
    with style.styled():
        (axes,) = critical_difference.draw(DEMSAR, COLUMN).axes
    ends = [list(np.asarray(line.get_xdata(), dtype=float)) for line in axes.lines if line.get_linewidth() == 2.4]
    assert ends == [pytest.approx([1.944, 2.913]), pytest.approx([1.98, 3.163])]


@pytest.mark.parametrize("ending", [".pdf", ".svg", ".png"])
def test_it_is_the_same_file_each_time(ending: str) -> None:
    assert rendered(DEMSAR, ending) == rendered(DEMSAR, ending)
