"""Which columns of a table fit a terminal, and that nothing which must stay whole is ever broken."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from attnctl.cli.table_layout import INDENT, Column, filled, lay_out

WORDS = st.text(st.sampled_from("abc0189é日.-"), min_size=1, max_size=8)
SETTINGS = st.builds("{}={}".format, st.sampled_from(["kernel", "r", "num_groups"]), st.integers(0, 10**6))
LABELS = st.builds(
    lambda name, settings: " ".join([name, *settings]),
    st.sampled_from(["ela", "se", "none"]),
    st.lists(SETTINGS, max_size=3, unique_by=lambda item: item.partition("=")[0]),
)
SENTENCES = st.lists(WORDS, max_size=6).map(" ".join)


def text_of(lines: Sequence[Sequence[tuple[str, str]]]) -> list[str]:
    return ["".join(part[0] for part in line) for line in lines]


def shown(columns: Sequence[Column], rows: Sequence[Sequence[str]], cells: int) -> list[str]:
    return text_of(lay_out(columns, rows, cells).lines)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], list[list[str]]]:
    kinds = draw(st.lists(st.sampled_from(["whole", "shrink", "wrap", "free", "label"]), min_size=1, max_size=6))
    columns = [Column("key")]
    texts = [WORDS]
    for number, kind in enumerate(kinds):
        columns.append(
            Column(
                f"{kind} {number}",
                drop=draw(st.integers(0, 3)),
                shrink=draw(st.integers(4, 20)) if kind == "shrink" else 0,
                wrap=draw(st.integers(8, 24)) if kind == "wrap" else 0,
                once=kind == "whole" and draw(st.booleans()),
                settings=kind == "label",
                free=kind == "free",
            )
        )
        texts.append({"whole": WORDS, "label": LABELS}.get(kind, SENTENCES))
    rows = draw(st.lists(st.tuples(*texts).map(list), min_size=1, max_size=4))
    return columns, rows


@given(tables(), st.integers(20, 140))
def test_no_line_exceeds_the_terminal_and_unbreakable_texts_stay_whole(
    table: tuple[list[Column], list[list[str]]], cells: int
) -> None:
    columns, rows = table
    layout = lay_out(columns, rows, cells)
    lines = text_of(layout.lines)
    assert all(cell_len(line) <= cells for line in lines)
    assert all(line == line.rstrip() for line in lines)
    words = {word.rstrip(",") for line in lines for word in line.split()}
    for column, texts in zip(columns, zip(*rows, strict=True), strict=True):
        if column.name in layout.hidden:
            assert column.drop
            assert column.name in " ".join(lines)
        elif not (column.shrink or column.free):
            assert {word for text in texts for word in text.split() if cell_len(word) <= 14} <= words, column
    assert "key" not in layout.hidden


@given(tables(), st.integers(20, 140))
def test_the_least_important_columns_are_hidden_first(table: tuple[list[Column], list[list[str]]], cells: int) -> None:
    columns, rows = table
    hidden = [column for column in columns if column.name in lay_out(columns, rows, cells).hidden]
    wider = lay_out(columns, rows, cells + 10).hidden
    assert all(name in {column.name for column in hidden} for name in wider)


@given(tables())
def test_a_table_that_fits_is_shown_unchanged(table: tuple[list[Column], list[list[str]]]) -> None:
    columns, rows = table
    heading, _, *lines = shown(columns, rows, 10_000)
    assert heading.split("  ")[0].rstrip() == "key"
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line.split() == " ".join(row).split()


LABEL = "{} groups=c kernel={} num_groups=16 shared=true"
STATUS = (
    Column("run"),
    Column("module", settings=True, shrink=16),
    Column("dataset", once=True, drop=2),
    Column("since", drop=1),
    Column("state"),
    Column("why", free=True),
)
ROWS = [
    ["a3c06cc8", LABEL.format("ela", 5), "digits", "12 min", "completed", ""],
    ["b4d17dd9", LABEL.format("ela", 7), "digits", "3.5 h", "CUDA out of memory", "no room for 2 GiB of the batch"],
]


def test_common_values_are_shown_once_and_free_text_below_its_row() -> None:
    assert shown(STATUS, ROWS, 60) == [
        "run       module        since   state",
        "──────────────────────────────────────────────────",
        "a3c06cc8  ela kernel=5  12 min  completed",
        "b4d17dd9  ela kernel=7  3.5 h   CUDA out of memory",
        f"{INDENT}why: no room for 2 GiB of the batch",
        "all rows: dataset digits",
        "ela: groups=c num_groups=16 shared=true",
    ]


def test_a_narrow_table_hides_the_least_important_columns_with_a_note() -> None:
    lines = shown(STATUS, ROWS, 44)
    assert lines[0] == "run       module        state"
    assert "hidden: since (use a wider terminal or" in lines
    assert any("CUDA out of memory" in line for line in lines)


def test_short_forms_are_used_before_columns_are_hidden_and_are_noted() -> None:
    columns = (Column("run"), Column("metrics", drop=1, short=lambda text: text.partition(",")[0]))
    rows = [["a3c06cc8", "top-1 91.22, loss 0.312 (epoch 4)"]]
    lines = shown(columns, rows, 30)
    assert lines[2] == "a3c06cc8  top-1 91.22"
    assert " ".join(lines[3:]) == "shortened: metrics (use a wider terminal or --json)"


def test_columns_that_do_not_fit_continue_in_a_block_below() -> None:
    columns = (Column("module"), Column("ours"), Column("theirs"))
    rows = [["ela", "25,692,968,000", "4,092,395,520"], ["se", "28,071,976,000", "4,091,699,200"]]
    assert shown(columns, rows, 24) == [
        "module  ours",
        "──────────────────────",
        "ela     25,692,968,000",
        "se      28,071,976,000",
        "",
        "module  theirs",
        "─────────────────────",
        "ela     4,092,395,520",
        "se      4,091,699,200",
    ]


def test_headings_fold_before_numbers_do() -> None:
    columns = (Column("run"), Column("images a second"), Column("left"))
    rows = [["a3c06cc8", "1234.5", "3.5 h"]]
    assert shown(columns, rows, 25) == [
        "          images a",
        "run       second    left",
        "─────────────────────────",
        "a3c06cc8  1234.5    3.5 h",
    ]


def test_long_free_text_ends_in_an_ellipsis() -> None:
    columns = (Column("run"), Column("why", free=True))
    lines = shown(columns, [["a3c06cc8", "the loss is not finite " * 20]], 40)
    assert len(lines) == 5
    assert lines[3].startswith(f"{INDENT}why: the loss")
    assert lines[4].endswith(" …")


def test_the_plain_backbone_without_a_placement_makes_no_difference() -> None:
    columns = (Column("module"), Column("placement", once=True), Column("parameters"))
    lines = shown(columns, [["none", "", "1000"], ["ela", "block", "1010"]], 24)
    assert lines[0] == "module  parameters"
    assert lines[-2:] == ["all rows: placement", "block"]


def test_optional_columns_without_a_text_are_left_out() -> None:
    columns = (Column("run"), Column("left", optional=True), Column("why", optional=True))
    kept, rows = filled(columns, [["a", "", ""], ["b", "", "x"]])
    assert [column.name for column in kept] == ["run", "why"]
    assert rows == [["a", ""], ["b", "x"]]


def test_a_table_without_rows_has_its_headings() -> None:
    assert shown((Column("run"), Column("state")), [], 80) == ["run  state", "──────────"]
