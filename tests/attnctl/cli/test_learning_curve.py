"""A learning curve as text: its corners, its width, and many epochs in few columns."""

from __future__ import annotations

import pytest

from attnctl.cli.learning_curve import HEIGHT, lines


def test_the_ends_of_the_curve_are_labelled_and_stand_in_the_corners() -> None:
    drawn = lines([(1, 10.0), (2, 55.0), (3, 91.25)], "top-1 (%)", 40)
    assert drawn[0] == "top-1 (%)"
    assert drawn[1].startswith("91.25 |")
    assert drawn[1].endswith("*")
    assert drawn[HEIGHT] == "   10 |*"
    assert drawn[-1].endswith("epoch 3")
    assert len(drawn) == HEIGHT + 3


@pytest.mark.parametrize("cells", [20, 79, 200])
@pytest.mark.parametrize("count", [2, 300])
def test_no_line_is_wider_than_the_terminal(cells: int, count: int) -> None:
    drawn = lines([(epoch, float(epoch**0.5)) for epoch in range(1, count + 1)], "loss", cells)
    assert max(map(len, drawn)) <= cells


def test_a_rising_curve_rises_and_several_epochs_of_a_column_are_averaged() -> None:
    drawn = lines([(epoch, float(epoch)) for epoch in range(1000)], "loss", 60)[1 : HEIGHT + 1]
    body = [line.partition("|")[2] for line in drawn]
    firsts = [line.index("*") for line in body]
    assert firsts == sorted(firsts, reverse=True)
    assert sum(line.count("*") for line in body) == 60 - len("999") - 2


def test_a_constant_curve_is_a_line_in_the_middle() -> None:
    drawn = lines([(1, 5.0), (2, 5.0)], "loss", 40, mark="o")
    assert [number for number, line in enumerate(drawn) if "|o" in line] == [1 + round(0.5 * (HEIGHT - 1))]
