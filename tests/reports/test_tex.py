"""Any text as TeX that prints it."""

from __future__ import annotations

import re
from pathlib import Path

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
