"""The keys of papers behind the rows of a comparison."""

from __future__ import annotations

from dataclasses import replace

from attnctl.papers.citations import of_modules
from attnctl.reports import comparison, latex
from attnctl.reports.citations import with_citations
from attnctl.reports.latex import Layout
from tests.reports.comparison.compared import three_seeds
from tests.reports.report_rows import rows


def test_rows_cite_the_papers_of_their_modules() -> None:
    made = with_citations(comparison.build(three_seeds()).table, of_modules())
    assert [row.cite for row in made.groups[0].rows] == ["", "xu2024ela"]
    assert r"ELA~\cite{xu2024ela} &" in latex.render(made, Layout(cite=True))
    assert r"\cite" not in latex.render(made)


def test_several_modules_have_several_keys_and_a_row_keeps_its_own() -> None:
    table = comparison.build(rows([90.0], ("ean+se",))).table
    made = with_citations(table, of_modules())
    assert made.groups[0].rows[0].cite == "li2024ean,hu2018se"
    assert r"\cite{li2024ean,hu2018se}" in latex.render(made, Layout(cite=True))
    own = replace(table, groups=(replace(table.groups[0], rows=(replace(table.groups[0].rows[0], cite="mine"),)),))
    assert with_citations(own, of_modules()).groups[0].rows[0].cite == "mine"
