"""The rows and columns of a table as LaTeX: numbers that are aligned, and headings that span columns."""

from __future__ import annotations

from attnctl.reports import latex
from tests.reports.pdflatex import lines
from tests.reports.report_tables import comparison, published


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
    assert lines(published(), "+EAN") == (
        r"+EAN\textsuperscript{c} & 111.19 & {$111.19$\rlap{\textsuperscript{b}}} & 111.194 & +0.00 \\"
    )
    row = next(line for line in latex.render(published()).splitlines() if "94.11" in line)
    assert r"{$\mathbf{94.11 \pm 1.02}$\rlap{\textsuperscript{a,b}}\phantom{\textsuperscript{a,b}}}" in row
    assert r"{${+1.09}\ [+0.78, +1.40]$}" in row


def test_a_columns_name_spans_its_parts() -> None:
    made = latex.render(published())
    assert r" & \multicolumn{4}{c}{Params (M)} \\" in made
    assert r"\cmidrule(lr){2-5}" in made
    assert r"\label{tab:ean:1}" in made
