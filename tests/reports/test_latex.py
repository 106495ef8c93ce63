"""LaTeX, by pdfLaTeX with nothing but booktabs, graphicx and siunitx: in its version 3, and in its version 2."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from pathlib import Path

import pytest

from attnctl.reports import latex
from attnctl.reports.table import ReportTable
from tests.reports.pdflatex import SIUNITX, compiled, document, lines
from tests.reports.report_programs import program
from tests.reports.report_tables import comparison, hostile, of_papers, published


def text_of(folder: Path) -> str:
    """What the PDF says."""
    command = [program("pdftotext", "poppler-utils"), "-layout", "main.pdf", "-"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("version", SIUNITX)
def test_every_published_table_compiles(tmp_path: Path, version: str) -> None:
    chosen = [table for name, table in of_papers().items() if version == "siunitx 3" or name.startswith("ela")]
    made = [*chosen, comparison(), published(), hostile()]
    compiled(tmp_path, document(tmp_path, map(latex.render, made), SIUNITX[version]))


@pytest.mark.parametrize("table", [comparison(), published(), hostile()], ids=["comparison", "published", "hostile"])
def test_a_standalone_document_compiles(tmp_path: Path, table: ReportTable) -> None:
    compiled(tmp_path, latex.render_standalone(table))


def test_a_users_text_is_printed_unchanged(tmp_path: Path) -> None:
    compiled(tmp_path, latex.render_standalone(hostile()))
    # An accent that stands alone is drawn by the accent's glyph, an underscore as a rule.
    glyphs = str.maketrans({"\u02dc": "~", "\u02c6": "^", "\u2019": "'"})
    printed = unicodedata.normalize("NFC", re.sub(r"\s", "", text_of(tmp_path))).translate(glyphs)
    assert r"a&b%cd$e#f{g}~h^i\j<script>alert(1)</script>|k`l*m*[n](o):+1:@p" in printed
    assert "é±ß''q''--r--" in printed
    assert "[U+4E2D][U+0416][U+1F600]" in printed


def test_columns_have_the_format_of_their_numbers() -> None:
    assert r"\begin{tabular}{lS[table-format=3.2]S[table-format=3.2]S[table-format=3.3]S[table-format=+1.2]" in (
        latex.render(published())
    )


def test_plain_numbers_use_siunitx_and_others_are_braced_to_the_column_width() -> None:
    assert lines(comparison(), "nam ") == r"nam & block & {running 45\%} & 272.474 & 0 \\"
    assert lines(comparison(), "se r=16") == (
        r"se r=16 & block & {$\underline{93.00}$\rlap{\textsuperscript{1}}$\phantom{{}\pm 0.25}$} & 272.474 & 1 \\"
    )
    assert r"\textsuperscript{1}~n=1 of 3: diverged" in latex.render(comparison())
    row = lines(published(), "+EAN")
    assert row.startswith(
        r"+EAN\textsuperscript{c} & 111.19 & {$111.19$\rlap{\textsuperscript{b}}} & 111.194 & +0.00 & "
    )
    assert r"{$\mathbf{94.11 \pm 1.02}$\rlap{\textsuperscript{a,b}}\phantom{\textsuperscript{a,b}}}" in row
    assert r"{${+1.09}\ [+0.78, +1.40]$}" in row


def test_a_columns_name_spans_its_parts() -> None:
    made = latex.render(published())
    assert r" & \multicolumn{4}{c}{Params (M)} & \multicolumn{4}{c}{C10 (\%)} \\" in made
    assert r"\cmidrule(lr){2-5}\cmidrule(lr){6-9}" in made
    assert r"\label{tab:ean:1}" in made
