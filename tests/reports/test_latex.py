"""LaTeX, by pdfLaTeX with nothing but booktabs, graphicx and siunitx: in its version 3, and in its version 2."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from attnctl.reports import latex
from attnctl.reports.table import ReportTable
from tests.reports.pdflatex import SIUNITX, compiled, document
from tests.reports.report_programs import program, style
from tests.reports.report_tables import comparison, hostile, of_papers, published


def text_of(folder: Path) -> str:
    """What the PDF says."""
    command = [program("pdftotext", "poppler-utils"), "-layout", "main.pdf", "-"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("version", SIUNITX)
def test_every_published_table_compiles(tmp_path: Path, version: str) -> None:
    chosen = [table for name, table in of_papers().items() if version == "siunitx 3" or name.startswith("ela")]
    made = [*chosen, comparison(), published()]
    log = compiled(tmp_path, document(tmp_path, map(latex.render, made), SIUNITX[version]))
    assert "does not fit" not in log
    assert "does not fit" in compiled(tmp_path, document(tmp_path, [latex.render(hostile())], SIUNITX[version]))


def test_tables_fit_a_paper_of_two_columns(tmp_path: Path) -> None:
    made = [comparison(), published(), *(of_papers()[name] for name in ("ela:5", "ean:1", "nam:4"))]
    source = document(tmp_path, map(latex.render, made)).replace("{article}", "[twocolumn]{article}", 1)
    log = compiled(tmp_path, source)
    assert "does not fit" not in log


@pytest.mark.parametrize("notes", ["threeparttable", "none"])
def test_notes_can_stand_in_a_threeparttable_or_be_left_out(
    tmp_path: Path, notes: Literal["threeparttable", "none"]
) -> None:
    if notes == "threeparttable":
        style("threeparttable.sty", "texlive-latex-extra")
    layout = latex.Layout(notes=notes, position="t", star=False)
    compiled(tmp_path, latex.render_standalone(published(), layout))
    text = text_of(tmp_path)
    assert ("As fvcore counts" in text) == (notes == "threeparttable")
    made = latex.render(published(), layout)
    assert (r"\textsuperscript" in made) == (notes == "threeparttable")
    assert r"\begin{table}[t]" in made
    assert r"\begin{table*}" not in made


def test_the_choice_of_the_environment_is_told() -> None:
    assert latex.choice(comparison()) == "table, in one column; about 53 characters wide"
    assert latex.choice(published()).startswith("table*, across both columns in 3 parts; about ")
    assert f"% {latex.choice(published())}" in latex.render(published())
    assert latex.choice(published(), latex.Layout(star=False)).startswith("table, in one column in 3 parts")


def test_rows_are_cited_by_the_keys_of_their_papers() -> None:
    group = comparison().groups[0]
    rows = (replace(group.rows[0], cite="hu2018se"), replace(group.rows[1], cite="a}b\\c,d"), *group.rows[2:])
    table = replace(comparison(), groups=(replace(group, rows=rows),))
    made = latex.render(table, latex.Layout(cite=True))
    assert r"no attention~\cite{hu2018se} & block" in made
    assert r"ela kernel=7~\cite{abc,d} & block" in made
    assert r"\cite" not in latex.render(table)
    assert r"\cite" not in latex.render_standalone(table, latex.Layout(cite=True))


def test_thresholds_of_ap_are_subscripts() -> None:
    table = comparison()
    columns = (replace(table.columns[0], title="AP50"), *table.columns[1:])
    assert r"{AP$_{\mathrm{50}}$ (\%)}" in latex.render(replace(table, columns=columns))


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
