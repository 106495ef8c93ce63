"""Text in the columns of a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from attnctl.cli.text_width import longest_word, shortened, width, wrapped

TEXTS = st.text(st.sampled_from("ab1289 =.,-é日本ñ"), max_size=60)


@pytest.mark.parametrize(("text", "cells"), [("", 0), ("ela", 3), ("日本", 4), ("e\u0301", 1)])
def test_a_wide_character_is_two_cells_wide(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "cells", "short"),
    [
        ("ela kernel=5", 12, "ela kernel=5"),
        ("ela kernel=5 groups=c", 16, "ela kernel=5 …"),
        ("ela kernel=5 groups=c", 12, "ela …"),
        ("ela kernel=5", 4, "ela…"),
        ("densenet121_cifar", 10, "densenet…"),
        ("mobilenet", 6, "mobil…"),
        ("123456", 4, "…"),
        ("日本語の名前", 6, "日本…"),
        ("x y", 1, "…"),
    ],
)
def test_a_text_is_shortened_between_words_and_never_inside_a_number(text: str, cells: int, short: str) -> None:
    assert shortened(text, cells) == short


@given(TEXTS, st.integers(1, 70))
def test_a_shortened_text_fits_and_keeps_its_beginning(text: str, cells: int) -> None:
    short = shortened(text, cells)
    assert cell_len(short) <= cells
    if short != text:
        kept = short.removesuffix("…").rstrip()
        assert text.startswith(kept)
        assert not (kept and kept[-1].isdigit() and text[len(kept)].isdigit())


@pytest.mark.parametrize(
    ("text", "cells", "lines"),
    [
        ("", 5, [""]),
        ("one two", 7, ["one two"]),
        ("one two three", 8, ["one two", "three"]),
        ("num_groups=16 shared=true", 13, ["num_groups=16", "shared=true"]),
        ("abcdefgh ij", 3, ["abc", "def", "gh", "ij"]),
    ],
)
def test_text_is_wrapped_between_words(text: str, cells: int, lines: list[str]) -> None:
    assert wrapped(text, cells) == lines


@given(TEXTS, st.integers(2, 70))
def test_wrapped_lines_fit_and_keep_every_word(text: str, cells: int) -> None:
    lines = wrapped(text, cells)
    assert all(cell_len(line) <= cells for line in lines)
    assert re.sub(" +", "", "".join(lines)) == re.sub(" +", "", text)
    if longest_word(text) <= cells:
        assert " ".join(lines).split() == text.split()
