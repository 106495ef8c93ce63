"""Which rows and columns of a table are shown, and in which order."""

from __future__ import annotations

import pytest

from attnctl.reports.selection import Options, key_of, missing_seeds, ordered, part_of, with_columns
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row
from attnctl.values import SpecError

COLUMNS = tuple(
    ReportColumn(name=name, title=name) for name in ("top1.published", "top1", "params.published", "params")
)


def row(name: str, *values: float | None) -> Row:
    return Row(header=(name,), cells=tuple(Cell(value=value) for value in values))


ROWS = (row("a", 1, 90, 5, 6), row("b", 2, None, 3, 4), row("c", 3, 95, 1, 2))
TABLE = ReportTable(title="t", headers=("row",), columns=COLUMNS, groups=(Group(title="", rows=ROWS),))


def test_a_column_has_a_key_and_a_part() -> None:
    assert [(key_of(column), part_of(column)) for column in COLUMNS] == [
        ("top1", "published"),
        ("top1", "measured"),
        ("params", "published"),
        ("params", "measured"),
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["top1.published", "top1", "params.published", "params"]),
        (("params", "top1"), ["params.published", "params", "top1.published", "top1"]),
        (("top1.published",), ["top1.published"]),
        (("top1.measured",), ["top1"]),
        ((".measured",), ["top1", "params"]),
        (("top1", ".published"), ["top1.published", "top1", "params.published"]),
    ],
)
def test_columns_are_shown_once_in_the_given_order(words: tuple[str, ...], names: list[str]) -> None:
    made = with_columns(TABLE, words)
    assert [column.name for column in made.columns] == names
    values = dict(zip([column.name for column in COLUMNS], [cell.value for cell in ROWS[0].cells], strict=True))
    assert [cell.value for cell in made.groups[0].rows[0].cells] == [values[name] for name in names]


@pytest.mark.parametrize(
    ("word", "said"),
    [("topp1", "did you mean 'top1'"), ("top1.publish", "did you mean 'top1.published'"), ("", ""), (".exact", "")],
)
def test_an_unknown_column_gets_a_suggestion(word: str, said: str) -> None:
    with pytest.raises(SpecError, match="no such column") as error:
        with_columns(TABLE, (word,))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("sort", "names"), [("", "abc"), ("top1", "acb"), ("-top1", "cab"), ("params.published", "cba"), ("-params", "abc")]
)
def test_rows_are_sorted_by_a_column_with_missing_values_last(sort: str, names: str) -> None:
    lines = [(each.header[0], each) for each in ROWS]
    assert "".join(name for name, _ in ordered(lines, COLUMNS, Options(sort=sort), {})) == names


def asked_by(run: str, value: float | None) -> Row:
    return Row(header=(run.upper(),), cells=(Cell(value=value, runs=(run,)),))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (Options(order="asked"), "cabd"),
        (Options(order="name"), "abcd"),
        (Options(order="metric"), "bcad"),
        (Options(order="rows", rows=("c", "[bd]", "A")), "cbda"),
        (Options(order="rows", rows=("*", "a")), "bcda"),
    ],
)
def test_rows_are_ordered_as_asked_by_metric_and_by_hand(options: Options, names: str) -> None:
    column = ReportColumn(name="top1", title="top-1", better="higher", measured=True)
    values = {"a": 1.0, "b": 3.0, "c": 2.0, "d": None}
    lines = [(run, asked_by(run, value)) for run, value in values.items()]
    asked = {"c": 0, "a": 1, "b": 2}
    assert "".join(name for name, _ in ordered(lines, [column], options, asked)) == names


def test_less_is_better_comes_first_and_a_table_without_metrics_stays() -> None:
    lines = [(run, asked_by(run, value)) for run, value in (("a", 2.0), ("b", 1.0))]
    loss = ReportColumn(name="loss", title="loss", better="lower", measured=True)
    assert [name for name, _ in ordered(lines, [loss], Options(order="metric"), {})] == ["b", "a"]
    params = ReportColumn(name="params", title="params")
    assert [name for name, _ in ordered(lines, [params], Options(order="metric"), {})] == ["a", "b"]


def test_missing_seeds_are_named_with_those_that_there_are() -> None:
    assert missing_seeds((5, 2), (1, 0, 1)) == "no run has seed 2, 5; seeds: 0, 1"
    assert missing_seeds((0,), (1, 0)) == missing_seeds((), (1, 0)) == ""
