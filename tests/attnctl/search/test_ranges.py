"""Ranges as typed, and their values."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.search.ranges import Choice, Kind, Range, check_type, is_range, read
from attnctl.values import SpecError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("log:1e-3..1e-1", Range("log", 1e-3, 0.1)),
        ("uniform:-0.5..0.9", Range("uniform", -0.5, 0.9)),
        ("int:2..32", Range("int", 2, 32)),
        ("log-int:1..512", Range("log-int", 1, 512)),
    ],
)
def test_a_range_is_read_and_written_alike(text: str, found: Range) -> None:
    assert read(text, "--lr") == found
    assert read(str(found), "--lr") == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("log:0..1", "must begin above 0"),
        ("log-int:0..8", "must begin above 0"),
        ("uniform:1..1", "the first number must be the smaller one"),
        ("int:9..3", "the first number must be the smaller one"),
        ("int:1.5..3", "write it as int:2..32"),
        ("int:1..99999999999", "write it as int:2..32"),
        ("log:1e-3", "write it as log:1e-3..1e-1"),
        ("uniform:nan..1", "write it as uniform:0.1..0.9"),
        ("uniform:0..inf", "write it as uniform:0.1..0.9"),
        ("log:", "write it as log:1e-3..1e-1"),
    ],
)
def test_an_invalid_range_is_refused_with_how_to_write_it(text: str, reason: str) -> None:
    assert is_range(text)
    with pytest.raises(SpecError, match=reason.replace("..", r"\.\.")) as caught:
        read(text, "--lr")
    assert str(caught.value).startswith("--lr has the range")


@pytest.mark.parametrize("text", ["0.1", "timm:rand-m9", "./mine.py:MyLoss", "head.*:lr=10", "integer:2..3"])
def test_other_values_are_no_ranges(text: str) -> None:
    assert not is_range(text)


@given(
    st.sampled_from(["log", "uniform", "int", "log-int"]),
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.floats(0, 1, exclude_max=True),
)
def test_all_values_lie_in_the_range(kind: Kind, low: int, width: int, position: float) -> None:
    found = Range(kind, low, low + width)
    value = found.at(position)
    assert isinstance(value, int if found.is_whole else float)
    assert low <= value <= low + width


def test_numbers_have_few_digits() -> None:
    assert Range("log", 1e-3, 1e-1).at(0.5) == 0.01
    assert Range("log", 1e-3, 1e-1).at(0.3) == 0.003981
    assert Range("uniform", 0.9, 0.999).at(0.123) == 0.91218
    assert Range("uniform", 0.9, 0.999).at(0.0) == 0.9


def test_each_whole_number_is_as_likely_as_any_other_and_the_small_ones_more_in_a_log_range() -> None:
    positions = [(index + 0.5) / 400 for index in range(400)]
    plain = [Range("int", 1, 4).at(position) for position in positions]
    assert [plain.count(value) for value in (1, 2, 3, 4)] == [100] * 4
    log = [Range("log-int", 1, 4).at(position) for position in positions]
    shares = [math.log(value + 0.5) - math.log(value - 0.5) for value in (1, 2, 3, 4)]
    assert [log.count(value) for value in (1, 2, 3, 4)] == pytest.approx(
        [400 * share / sum(shares) for share in shares], abs=1
    )


def test_a_choice_gives_each_of_its_options() -> None:
    choice = Choice(("sgd", "adamw"))
    assert [choice.at(position) for position in (0.0, 0.49, 0.5, 0.999)] == ["sgd", "sgd", "adamw", "adamw"]
    assert str(choice) == "sgd,adamw"


@pytest.mark.parametrize(
    ("kind", "declared", "reason"),
    [
        ("uniform", int, "--x takes whole numbers; write its range as int:2..32"),
        ("log", int | None, "--x takes whole numbers; write its range as int:2..32"),
        ("int", str, "--x does not take numbers"),
        ("int", bool, "--x does not take numbers"),
    ],
)
def test_a_range_has_the_type_of_what_it_is_of(kind: Kind, declared: Any, reason: str) -> None:
    with pytest.raises(SpecError, match=reason.replace("..", r"\.\.")):
        check_type(Range(kind, 1, 2), declared, "--x")


def test_numbers_may_be_whole() -> None:
    check_type(Range("int", 1, 2), float, "--x")
    check_type(Range("log-int", 1, 2), int, "--x")
