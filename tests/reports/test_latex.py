"""LaTeX, by pdfLaTeX with nothing but booktabs, graphicx and siunitx: in its version 3, and in its version 2."""

import re
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.reports import latex, macros, tex
from attnctl.reports.table import Cell, Column, Group, Row, Table
from tests.reports.report_programs import program
from tests.reports.report_tables import comparison, hostile, of_papers, published, tables

SIUNITX = {"siunitx 3": r"\usepackage{siunitx}", "siunitx 2": r"\usepackage{siunitx}[=v2]"}


def compiled(folder, source):
    """The log, of a source that must compile without an overfull line."""
    pdflatex = program("pdflatex", "texlive-latex-recommended and texlive-science")
    (folder / "main.tex").write_text(source)
    done = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    log = (folder / "main.log").read_text(errors="replace")
    assert "Overfull" not in log
    assert "Float too large" not in log
    return log


def text_of(folder):
    """What the PDF says."""
    command = [program("pdftotext", "poppler-utils"), "-layout", "main.pdf", "-"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def document(folder, sources, preamble=SIUNITX["siunitx 3"]):
    """A paper that takes each of these in."""
    lines = [r"\documentclass{article}", r"\usepackage{booktabs,graphicx}", preamble, r"\begin{document}"]
    for number, source in enumerate(sources):
        (folder / f"table{number}.tex").write_text(source)
        lines.append(rf"\input{{table{number}}}\clearpage")
    return "\n".join([*lines, r"\end{document}"])


@pytest.mark.parametrize("version", SIUNITX)
def test_every_published_table_compiles(tmp_path, version):
    chosen = [table for name, table in of_papers().items() if version == "siunitx 3" or name.startswith("ela")]
    made = [*chosen, comparison(), published(), hostile()]
    compiled(tmp_path, document(tmp_path, map(latex.render, made), SIUNITX[version]))


@pytest.mark.parametrize("table", [comparison(), published(), hostile()], ids=["comparison", "published", "hostile"])
def test_a_standalone_document_compiles(tmp_path, table):
    compiled(tmp_path, latex.render_standalone(table))


def test_a_users_text_is_printed_as_it_is(tmp_path):
    compiled(tmp_path, latex.render_standalone(hostile()))
    # An accent that stands alone is drawn by the accent's glyph, an underscore as a rule.
    glyphs = str.maketrans({"\u02dc": "~", "\u02c6": "^", "\u2019": "'"})
    printed = unicodedata.normalize("NFC", re.sub(r"\s", "", text_of(tmp_path))).translate(glyphs)
    assert r"a&b%cd$e#f{g}~h^i\j<script>alert(1)</script>|k`l*m*[n](o):+1:@p" in printed
    assert "é±ß''q''--r--" in printed
    assert "[U+4E2D][U+0416][U+1F600]" in printed


def test_every_character_that_is_not_set_by_its_number_compiles(tmp_path):
    known = [chr(code) for code in range(33, 0x2300) if re.fullmatch(tex.KNOWN.pattern, chr(code))]
    assert len(known) > 350
    lines = "\n\n".join(rf"{{}}{tex.escape(char)} \textbf{{{tex.escape(char)}}}" for char in [*known, "Ж", "\u0301"])
    source = document(tmp_path, []).replace(r"\begin{document}", rf"\begin{{document}}{tex.PREAMBLE}" + "\n" + lines)
    compiled(tmp_path, source)


@given(st.text())
def test_escaped_text_is_ascii_in_one_line_with_balanced_braces(words):
    made = tex.escape(words)
    assert made.isascii()
    assert "\n" not in made
    bare = re.sub(r"\\[{}]", "", made)
    assert bare.count("{") == bare.count("}")


# ------------------------------------------------------------------------------------------------------------- columns


def lines(table, text):
    return next(line for line in latex.render(table).splitlines() if line.startswith(text))


def test_columns_have_the_format_of_their_numbers():
    assert r"\begin{tabular}{lS[table-format=3.2]S[table-format=3.2]S[table-format=3.3]S[table-format=+1.2]" in (
        latex.render(published())
    )


def test_plain_numbers_are_left_to_siunitx_and_the_rest_is_braced_as_wide_as_the_widest():
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


def test_a_columns_name_stands_over_its_parts():
    made = latex.render(published())
    assert r" & \multicolumn{4}{c}{Params (M)} & \multicolumn{4}{c}{C10 (\%)} \\" in made
    assert r"\cmidrule(lr){2-5}\cmidrule(lr){6-9}" in made
    assert r"\label{tab:ean:1}" in made


# -------------------------------------------------------------------------------------------------------------- macros


def commands(table):
    return re.findall(r"^\\newcommand\{\\(.*?)\}\{(.*)\}$", macros.render(table), re.MULTILINE)


def test_each_number_is_a_macro():
    found = dict(commands(published()))
    assert found["eanOneResnetEighteenCTen"] == "93.02"
    assert found["eanOneResnetEighteenCTenPublished"] == "92.98"
    assert found["eanOneResnetEighteenCTenSpread"] == "0.12"
    assert found["eanOneResnetEighteenCTenSeeds"] == "3"
    assert found["eanOneResnetEighteenCTenDifference"] == r"\ensuremath{+0.04}"
    assert found["eanOneResnetEighteenSeCHundredPublished"] == "9.31"
    assert found["eanOneDensenetOneTwoOneSeCTenGainLow"] == r"\ensuremath{+0.07}"
    assert "eanOneResnetEighteenSeCHundred" not in found


@given(tables())
def test_macros_are_distinct_letters_and_do_not_depend_on_the_run(table):
    names = [name for name, _ in commands(table)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"(?!end)[a-z][A-Za-z]*", name) for name in names)
    assert macros.render(table) == macros.render(table)


def test_rows_whose_names_are_alike_in_letters_get_macros_of_their_own():
    rows = tuple(Row(header=(name,), cells=(Cell(value=1.0),)) for name in ("a", "A", "ä", "a b", "a-B"))
    table = Table(
        title="", headers=("m",), columns=(Column(name="n", title="n"),), groups=(Group(title="", rows=rows),)
    )
    assert [name for name, _ in commands(table)] == ["tableAN", "tableANB", "tableANC", "tableABN", "tableABNB"]


def test_macros_of_every_published_table_compile_and_are_used(tmp_path):
    made = {name: table for name, table in of_papers().items() if name.startswith(("ean", "nam"))}
    made["hostile"] = hostile()
    used = [rf"\{name}" for table in made.values() for name, _ in commands(table)]
    assert len(used) == len(set(used))
    source = document(tmp_path, map(macros.render, made.values())).replace(r"\end{document}", "")
    compiled(tmp_path, source + "\\raggedright\n" + "\n".join(rf"{name}{{}}" for name in used) + "\n\\end{document}")


def test_a_number_is_spelled():
    assert macros.letters("ResNet-50 + SE, 3x3, 101, 1.05, Ünïcode, 19") == (
        "ResnetFiftySeThreeXThreeOneZeroOneOneZeroFiveUnicodeNineteen"
    )
