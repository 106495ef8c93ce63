"""Any text as TeX that prints it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.reports import tex
from tests.reports.pdflatex import compiled, document


def test_every_character_that_is_not_set_by_its_number_compiles(tmp_path: Path) -> None:
    known = [chr(code) for code in range(33, 0x2300) if re.fullmatch(tex.KNOWN.pattern, chr(code))]
    assert len(known) > 350
    lines = "\n\n".join(rf"{{}}{tex.escape(char)} \textbf{{{tex.escape(char)}}}" for char in [*known, "Ж", "\u0301"])
    source = document(tmp_path, []).replace(r"\begin{document}", rf"\begin{{document}}{tex.PREAMBLE}" + "\n" + lines)
    compiled(tmp_path, source)


@given(st.text())
def test_escaped_text_is_ascii_in_one_line_with_balanced_braces(words: str) -> None:
    made = tex.escape(words)
    assert made.isascii()
    assert "\n" not in made
    bare = re.sub(r"\\[{}]", "", made)
    assert bare.count("{") == bare.count("}")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ('"SE" and "EAN"', "``SE'' and ``EAN''"),
        ('say ("no")', "say (``no'')"),
        ("'ela kernel=7' isn't", r"{\textquoteleft}ela kernel=7{\textquoteright} isn't"),
        ("the runs' seeds, the users' files", "the runs' seeds, the users' files"),
    ],
)
def test_quotation_marks_open_and_close(text: str, made: str) -> None:
    assert tex.escape(text) == tex.running(text) == made


def test_thresholds_of_average_precision_are_subscripts() -> None:
    assert tex.running("AP50 and mask AP75, not MAP50") == (
        r"AP$_{\mathrm{50}}$ and mask AP$_{\mathrm{75}}$, not MAP50"
    )
