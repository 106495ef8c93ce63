"""CSV and JSON: what they hold, and that JSON gives the table back and CSV its cells."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given

from attnctl.reports import tabular
from attnctl.reports.table import ReportTable
from tests.reports.csv_reader import assert_holds_all
from tests.reports.report_tables import HOSTILE, comparison, hostile, of_papers, published, tables


@given(tables())
def test_any_table_round_trips_through_json_and_its_cells_through_csv(table: ReportTable) -> None:
    assert ReportTable.from_json(json.loads(tabular.render_json(table))) == table
    assert_holds_all(tabular.render_csv(table), table)


@pytest.mark.parametrize("name", of_papers())
def test_every_published_table_round_trips(name: str) -> None:
    table = of_papers()[name]
    assert ReportTable.from_json(json.loads(tabular.render_json(table))) == table
    assert_holds_all(tabular.render_csv(table), table)


def test_a_line_of_csv_contains_a_row_with_measured_numbers() -> None:
    _, second, *_ = csv.DictReader(io.StringIO(tabular.render_csv(comparison()), newline=""))
    assert second == {
        "group": "resnet20 on digits",
        "module": "ela kernel=7",
        "placement": "block",
        "notes": "",
        "top1": "93.25",
        "top1_std": "0.254",
        "top1_n": "3",
        "top1_of": "3",
        "top1_state": "",
        "top1_runs": "0a1b 2c3d",
        "top1_best": "yes",
        "top1_second": "",
        "params": "272906",
        "params_n": "1",
        "params_of": "1",
        "seeds": "3",
        "seeds_n": "3",
        "seeds_of": "3",
    }


def test_published_text_and_intervals_have_their_own_fields() -> None:
    rows = list(csv.DictReader(io.StringIO(tabular.render_csv(published()), newline="")))
    assert rows[1]["c10.published_printed"] == "93.36"
    assert [float(rows[1][f"c10.gain_{end}"]) for end in ("low", "high")] == pytest.approx([0.07, 0.69])
    texts = {note.mark: note.text for note in published().footnotes}
    assert rows[3]["c10_notes"] == f"{texts['a']}; {texts['b']}"
    assert rows[3]["notes"] == texts["c"]


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "@SUM(A1)", "-1+1", "\t=1", "'=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_compute_is_protected_and_read_back(text: str) -> None:
    table = hostile(text)
    rendered = tabular.render_csv(table)
    found = list(csv.reader(io.StringIO(rendered, newline="")))
    assert [found[0][1], found[1][0], found[1][1]] == [f"'{text}"] * 3
    assert not [cell for line in found for cell in line if cell == text]
    assert_holds_all(rendered, table)


def test_a_users_text_is_unchanged_in_the_csv() -> None:
    found = next(csv.DictReader(io.StringIO(tabular.render_csv(hostile()), newline="")))
    assert found["group"] == found[HOSTILE] == found["top1_state"] == found["trait_printed"] == HOSTILE


def test_hyperparameters_are_columns_also_beside_a_column_of_their_name() -> None:
    group = comparison().groups[0]
    plain, ela, *others = group.rows
    rows = (plain, replace(ela, settings=(("kernel", "7"), ("seeds", "=1"))), *others)
    table = replace(comparison(), groups=(replace(group, rows=rows),))
    found = list(csv.DictReader(io.StringIO(tabular.render_csv(table), newline="")))
    assert [row["kernel"] for row in found] == ["", "7", "", ""]
    assert (found[1]["hyperparameter_seeds"], found[1]["seeds"]) == ("'=1", "3")
