"""Each number of a table as a macro."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given

from attnctl.reports import macros
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row
from tests.reports.pdflatex import compiled, document
from tests.reports.report_tables import hostile, of_papers, published, tables


def commands(table: ReportTable) -> list[tuple[str, str]]:
    return re.findall(r"^\\newcommand\{\\(.*?)\}\{(.*)\}$", macros.render(table), re.MULTILINE)


def test_each_number_is_a_macro() -> None:
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
def test_macros_are_distinct_letters_and_do_not_depend_on_the_run(table: ReportTable) -> None:
    names = [name for name, _ in commands(table)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"(?!end)[a-z][A-Za-z]*", name) for name in names)
    assert macros.render(table) == macros.render(table)


def test_rows_with_the_same_letters_get_distinct_macros() -> None:
    rows = tuple(Row(header=(name,), cells=(Cell(value=1.0),)) for name in ("a", "A", "ä", "a b", "a-B"))
    table = ReportTable(
        title="", headers=("m",), columns=(ReportColumn(name="n", title="n"),), groups=(Group(title="", rows=rows),)
    )
    assert [name for name, _ in commands(table)] == ["tableAN", "tableANB", "tableANC", "tableABN", "tableABNB"]


def test_macros_of_every_published_table_compile_and_are_used(tmp_path: Path) -> None:
    made = {name: table for name, table in of_papers().items() if name.startswith(("ean", "nam"))}
    made["hostile"] = hostile()
    used = [rf"\{name}" for table in made.values() for name, _ in commands(table)]
    assert len(used) == len(set(used))
    source = document(tmp_path, map(macros.render, made.values())).replace(r"\end{document}", "")
    compiled(tmp_path, source + "\\raggedright\n" + "\n".join(rf"{name}{{}}" for name in used) + "\n\\end{document}")


def test_a_number_is_spelled() -> None:
    assert macros.letters("ResNet-50 + SE, 3x3, 101, 1.05, Ünïcode, 19") == (
        "ResnetFiftySeThreeXThreeOneZeroOneOneZeroFiveUnicodeNineteen"
    )
