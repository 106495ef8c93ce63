"""Amounts as text and back."""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import attnctl
from attnctl import units
from attnctl.units import ago, clock, duration, memory, parse_elapsed, parse_memory, parse_time, plural, quantity, size
from attnctl.values import SpecError

ROOT = Path(attnctl.__file__).parent.parent


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "run", "0 runs"),
        (1, "run", "1 run"),
        (2, "run", "2 runs"),
        (1, "process", "1 process"),
        (3, "process", "3 processes"),
        (2, "class", "2 classes"),
        (2, "batch", "2 batches"),
        (8, "epoch", "8 epochs"),
        (2, "GPU", "2 GPUs"),
    ],
)
def test_a_noun_is_singular_of_one_only(number: int, noun: str, text: str) -> None:
    assert quantity(number, noun) == text


def test_an_irregular_plural_can_be_given() -> None:
    assert quantity(2, "category", "categories") == "2 categories"
    assert [plural(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]


def test_no_plural_is_written_by_hand() -> None:
    """An s that is left out of one is what units.plural is for."""
    files = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    by_hand = re.compile(r"""['"](?:es|s)['"] (?:if|\*)|else ['"](?:es|s)['"]""")
    sources = [ROOT / name for name in files.stdout.split() if not name.startswith("tests/")]
    assert sources
    found = [path.name for path in sources if path.name != "units.py" and by_hand.search(path.read_text())]
    assert found == []


@pytest.mark.parametrize(("text", "megabytes"), [("64G", 65536), ("4000M", 4000), ("7", 7), ("1.5T", 1572864)])
def test_memory_is_parsed_in_slurms_format(text: str, megabytes: int) -> None:
    assert parse_memory(text) == megabytes


@given(st.text(max_size=20))
def test_any_text_is_an_amount_of_memory_or_refused(text: str) -> None:
    with contextlib.suppress(SpecError):
        assert parse_memory(text) > 0


@pytest.mark.parametrize(("num_bytes", "text"), [(1, "0M"), (200 << 20, "200M"), (1 << 30, "1G"), (7 << 29, "3.5G")])
def test_memory_is_formatted_as_in_slurm(num_bytes: int, text: str) -> None:
    assert memory(num_bytes) == text


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (512e3, "512.0 kB"), (4.2e6, "4.2 MB"), (999_999, "1.0 MB"), (2e12, "2.0 TB")],
)
def test_a_size_has_the_unit_that_it_rounds_to(num_bytes: float, text: str) -> None:
    assert size(num_bytes) == text


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("90:30", 91), ("1:30:00", 90), ("2-0", 2880), ("1-1:30", 1530), ("1-01:30:30", 1531), ("0:0:1", 1)],
)
def test_time_limits_are_parsed_as_by_slurm(text: str, minutes: int) -> None:
    assert parse_time(text) == minutes


@given(st.text(max_size=12))
def test_any_other_time_is_refused_in_one_line(text: str) -> None:
    words = ""
    try:
        minutes = parse_time(text)
    except SpecError as error:
        minutes, words = 0, str(error)
    assert (minutes > 0) != (len(words.splitlines()) == 1)


@pytest.mark.parametrize("text", ["", "0", "-5", "1:2:3:4", "1-", "infinite", "1h", "999999-0"])
def test_a_time_that_slurm_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("12.5", 12.5), ("2:05", 125.0), ("1:00:00", 3600.0), ("1-00:00:01", 86401.0), ("x", 0.0)]
)
def test_elapsed_time_is_parsed_in_sacct_format(text: str, seconds: float) -> None:
    assert parse_elapsed(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (59.7, "1 min"), (720, "12 min"), (3599, "1.0 h"), (12600, "3.5 h"), (181440, "2.1 d")],
)
def test_a_duration_has_the_unit_that_it_rounds_to(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 1e9))
def test_a_duration_never_reaches_the_next_unit(seconds: float) -> None:
    number, unit = duration(seconds).split(" ")
    assert float(number) < {"s": 60, "min": 60, "h": 24, "d": 1e9}[unit]


@pytest.mark.parametrize("moment", [math.inf, -math.inf, math.nan, 1e300, -1e18])
def test_a_number_that_is_no_date_is_unknown(moment: float) -> None:
    assert clock(moment) == "?"


def test_the_time_since_a_moment_is_in_whole_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnctl.units.time.time", lambda: 100_000.0)
    assert [ago(moment) for moment in (99_955.0, 99_800.0, 90_000.0, 5_000.0, 200_000.0)] == [
        "45 s ago",
        "3 min ago",
        "2 h ago",
        "1 d ago",
        "0 s ago",
    ]


def test_a_timestamp_is_shown_as_date_and_time() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", clock(1e9))
    assert clock(1e9).startswith(clock(1e9, seconds=False))
    assert units.slurm_time(1e9) == clock(1e9).replace(" ", "T")
