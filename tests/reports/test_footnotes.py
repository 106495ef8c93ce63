"""Footnotes: texts become letters in the order of reading."""

from __future__ import annotations

from attnctl.reports.footnotes import lettered, partial_loads
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row


def table(*rows: Row) -> ReportTable:
    return ReportTable(
        title="t",
        headers=("module",),
        columns=(ReportColumn(name="top1", title="top-1"),),
        groups=(Group(title="", rows=rows),),
    )


def row(*texts: str, of_row: tuple[str, ...] = ()) -> Row:
    return Row(header=("x",), cells=(Cell(marks=texts),), marks=of_row)


def test_texts_get_letters_in_the_order_of_reading_and_equal_texts_share_one() -> None:
    made = lettered(table(row("second", of_row=("first",)), row("third", "first"), row("second")))
    assert [(note.mark, note.text) for note in made.footnotes] == [("a", "first"), ("b", "second"), ("c", "third")]
    rows = made.groups[0].rows
    assert [(each.marks, each.cells[0].marks) for each in rows] == [(("a",), ("b",)), ((), ("a", "c")), ((), ("b",))]


def test_marks_after_z_have_two_letters() -> None:
    made = lettered(table(*(row(f"note {number}") for number in range(28))))
    assert [note.mark for note in made.footnotes[24:]] == ["y", "z", "aa", "ab"]
    many = lettered(table(row(*(f"note {number}" for number in range(28)))))
    assert many.groups[0].rows[0].cells[0].marks[-3:] == ("z", "aa", "ab")


def test_a_table_without_notes_is_unchanged() -> None:
    plain = table(row(), row())
    assert lettered(plain) == plain


def test_rows_whose_weights_fit_only_partly_are_named() -> None:
    starts = {"se": "file:00+partial", "none": "file:00", "ela": "", "eca": "run:00+partial"}
    assert list(partial_loads(starts)) == ["Started from weights that fit only partly (--init-partial): se, eca."]
    assert list(partial_loads({"none": "file:00"})) == []


def test_a_text_can_have_a_symbol_which_stands_before_the_letters() -> None:
    made = lettered(table(row("a note", "significant"), row("significant")), {"significant": "*"})
    assert [(note.mark, note.text) for note in made.footnotes] == [("*", "significant"), ("a", "a note")]
    assert [each.cells[0].marks for each in made.groups[0].rows] == [("*", "a"), ("*",)]
