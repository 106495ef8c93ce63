"""The table model: what a column shows of a value, what a row says, and its JSON."""

from __future__ import annotations

import json

import pytest

from attnctl.reports.table import (
    Cell,
    Footnote,
    Group,
    ReportColumn,
    ReportTable,
    Row,
    all_rows,
    one_line,
    spans,
    texts,
)

TOP1 = ReportColumn(name="top1", title="top-1", unit="%", better="higher", measured=True)
GAIN = ReportColumn(name="gain", title="gain", signed=True, decimals=1)
PARAMS = ReportColumn(name="params", title="params", unit="M", scale=1e6, span="Size")


def test_a_heading_includes_its_unit_and_the_span_if_none_is_above() -> None:
    assert (TOP1.heading, TOP1.full_heading) == ("top-1 (%)", "top-1 (%)")
    assert (PARAMS.heading, PARAMS.full_heading) == ("params (M)", "Size params (M)")


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        (TOP1, 92.456, "92.46"),
        (PARAMS, 272_474, "0.27"),
        (GAIN, 0.26, "+0.3"),
        (GAIN, -0.01, "+0.0"),
        (TOP1, -1e-9, "0.00"),
    ],
)
def test_a_value_is_shown_in_its_scale_with_its_digits_and_zero_has_no_minus(
    column: ReportColumn, value: float, shown: str
) -> None:
    assert column.show(value) == shown


def test_a_cell_is_shown_with_its_spread_interval_and_state() -> None:
    row = Row(
        header=("ela",),
        cells=(
            Cell(value=92.5, spread=0.254, n=2, wanted=3, state="running 45%"),
            Cell(value=0.5, interval=(-0.1, 1.1), state="running 45%"),
            Cell(printed="0.27M"),
        ),
    )
    assert texts(row, (TOP1, GAIN, PARAMS), " ± ") == [
        ("92.50 ± 0.25", "running 45%"),
        ("+0.5 [-0.1, +1.1]", ""),  # the state stands in the row already
        ("0.27M", ""),
    ]
    assert texts(Row(header=("x",), cells=(Cell(),)), (TOP1,), "±") == [("", "")]


def test_neighbouring_columns_of_a_span_share_a_heading() -> None:
    other = ReportColumn(name="flops", title="FLOPs", span="Size")
    found = spans((TOP1, PARAMS, other, GAIN))
    assert [(span.title, [column.name for column in span.columns]) for span in found] == [
        ("", ["top1"]),
        ("Size", ["params", "flops"]),
        ("", ["gain"]),
    ]


def test_a_users_text_is_one_line_without_control_characters() -> None:
    assert one_line("a\n b\t\x1b[31mc\x00 \ud800é") == "a b [31mc é"


def test_a_table_round_trips_through_json() -> None:
    table = ReportTable(
        title="t",
        label="tab:t",
        headers=("module", "placement"),
        columns=(TOP1, GAIN),
        groups=(
            Group(
                title="resnet20",
                rows=(
                    Row(
                        header=("ela", "block"),
                        cells=(Cell(value=1.0, runs=("a",), marks=("a",)), Cell(interval=(0.0, 1.0))),
                        marks=("b",),
                    ),
                ),
            ),
        ),
        notes=("one",),
        footnotes=(Footnote(mark="a", text="x"), Footnote(mark="b", text="y")),
    )
    assert ReportTable.from_json(json.loads(json.dumps(table.to_json()))) == table
    assert [(group.title, row.header) for group, row in all_rows(table)] == [("resnet20", ("ela", "block"))]
