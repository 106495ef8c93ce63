"""Values as users type them."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.values import (
    SpecError,
    convert,
    describe,
    did_you_mean,
    divisors,
    first_of,
    format_value,
    split_list,
    split_seeds,
)


@pytest.mark.parametrize(
    ("typed", "declared", "expected"),
    [
        ("7", int, 7),
        (7.0, int, 7),
        ("0", float, 0.0),
        (0, float, 0.0),
        ("-0.0", float, 0.0),
        ("5e-4", float, 5e-4),
        ("true", bool, True),
        ("OFF", bool, False),
        ("c/8", Literal["c", "c/8"] | int, "c/8"),
        ("4", Literal["c", "c/8"] | int, 4),
        ("none", int | None, None),
        ("3", int | None, 3),
        (" 3 ", int, 3),
    ],
)
def test_a_value_becomes_its_declared_type(typed: float | str, declared: Any, expected: float | str | None) -> None:
    converted = convert(typed, declared, "x")
    assert (converted, type(converted)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("typed", "declared"),
    [
        ("", int),
        ("7.5", int),
        ("seven", int),
        ("1_000", int),
        ("٣", int),
        ("9" * 40, int),
        ("nan", float),
        ("inf", float),
        ("1e999", float),
        ("maybe", bool),
        (True, int),
        (True, float),
        ("d", Literal["c", "c/8"]),
        (None, int),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_the_expected_type(typed: bool | str | None, declared: Any) -> None:
    with pytest.raises(SpecError, match=r"^kernel is .*; it must be "):
        convert(typed, declared, "kernel")


@given(st.one_of(st.booleans(), st.integers(-(10**14), 10**14), st.floats(allow_nan=False, allow_infinity=False)))
def test_convert_is_the_inverse_of_format_value(value: bool | int | float) -> None:
    assert convert(format_value(value), type(value), "x") == value


def test_a_declared_type_is_described_as_text() -> None:
    assert describe(Literal["sgd", "adamw"]) == "one of sgd, adamw"
    assert describe(Literal["c"] | int) == "c or a whole number"


def test_the_nearest_name_is_suggested_else_all_names_are_listed() -> None:
    assert did_you_mean("elaa", ["ela", "se"]) == "; did you mean 'ela'?"
    assert did_you_mean("yolox", ["yolof", "yolox_nano", "yolox_nano_plus"]) == "; did you mean 'yolox_nano'?"
    assert did_you_mean("zzz", ["ela", "se"]) == "; known: ela, se"


def test_divisors_are_ascending_and_complete() -> None:
    assert divisors(36) == [1, 2, 3, 4, 6, 9, 12, 18, 36]


def test_an_empty_part_of_a_list_is_refused() -> None:
    with pytest.raises(SpecError, match="empty"):
        split_list("5,,7", "--kernel")


@pytest.mark.parametrize(
    ("given", "seeds"),
    [("0", "0"), ("0,1", "0 1"), ("0..4", "0 1 2 3 4"), ("7..7", "7"), ("3,10..12, 1", "3 10 11 12 1")],
)
def test_a_range_of_seeds_is_each_of_them(given: str, seeds: str) -> None:
    assert split_seeds(given) == tuple(seeds.split())


@pytest.mark.parametrize(
    "given", ["4..0", "0..", "..4", "a..b", "0..1..2", "-1..3", "0..100000", "0.5..2", "", "5,5", "0..4,3"]
)
def test_an_invalid_range_of_seeds_is_a_one_line_error(given: str) -> None:
    with pytest.raises(SpecError, match="--seed"):
        split_seeds(given)


def test_a_range_of_seeds_with_a_dash_is_answered_with_the_range() -> None:
    with pytest.raises(SpecError, match=r"^--seed has '0-2'; write the range as 0\.\.2$"):
        split_seeds("0-2")


@pytest.mark.parametrize(("most", "text"), [(2, "a, b and 1 more"), (3, "a, b, c"), (4, "a, b, c")])
def test_of_many_items_the_first_are_named_and_the_others_counted(most: int, text: str) -> None:
    assert first_of(["a", "b", "c"], most) == text
