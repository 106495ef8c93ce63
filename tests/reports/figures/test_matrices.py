"""Confusion matrices, drawn."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from attnctl.reports.figures import matrices, style
from attnctl.reports.figures.data import COLUMN, PAGE, MatrixPanel
from tests.reports.figures.figure_runs import confusion_matrices


def test_rows_are_percent_of_a_true_class() -> None:
    shares = matrices.percent(np.array([[3, 1], [0, 0]]))
    assert shares.tolist() == [[75, 25], [0, 0]]


@pytest.mark.parametrize(("inches", "numbered"), [(COLUMN, True), (PAGE / 2, True), (2.3, False)])
def test_numbers_stand_in_cells_that_have_room(inches: float, numbered: bool) -> None:
    with style.styled():
        figure = matrices.draw(confusion_matrices(), inches)
        figure.draw_without_rendering()
        first, _, bar = figure.axes
        cell = first.bbox.width / 10
        texts = first.texts
        assert [text.get_text() for text in texts[:2]] == (["91", "9"] if numbered else [])
        assert all(text.get_window_extent().width <= cell for text in texts)
    assert first.images[0].get_clim() == (0, 100)
    assert (first.get_xlabel(), first.get_ylabel()) == ("predicted class", "true class")
    assert bar.get_xlabel() == "images of the true class (%)"


def test_many_classes_have_names_that_do_not_touch() -> None:
    names = tuple(f"class {k}" for k in range(60))
    made = dataclasses.replace(
        confusion_matrices(), classes=names, panels=(MatrixPanel(counts=np.eye(60, dtype=np.int64)),)
    )
    with style.styled():
        figure = matrices.draw(made, COLUMN)
        figure.draw_without_rendering()
        boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels() if label.get_text()]
    assert len(boxes) > 1
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
