"""Runs with their metrics as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from attnctl.lifecycle.run_history import Histories, RunHistory
from attnctl.reports.exchange.metrics import COLUMNS, document, values_of, write_csv, write_json
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.exchange_cases import NOW, spec, write_attempt


@pytest.fixture
def history(tmp_path: Path) -> RunHistory:
    """A run whose second attempt trained step 20 again."""
    workspace = Workspace(tmp_path)
    write_attempt(workspace, spec(), 1, {10: 50.0, 20: 60.0}, nonce="a", outcome="preempted")
    write_attempt(workspace, spec(), 2, {20: 61.5, 30: 70.0}, nonce="b", created=NOW + 500)
    return Histories(workspace).read(spec().id)


def test_the_csv_has_a_line_for_each_value_of_the_attempt_that_counts(history: RunHistory) -> None:
    stream = io.StringIO()
    write_csv(stream, [values_of(history)])
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert tuple(rows[0]) == COLUMNS
    found = [(row["step"], row["value"], row["attempt"]) for row in rows if row["name"] == "top1"]
    assert found == [("10", "50.0", "1"), ("20", "61.5", "2"), ("30", "70.0", "2")]
    assert {(row["run"], row["module"], row["seed"]) for row in rows} == {(spec().id, "ela", "0")}
    keys = [(int(row["step"]), row["name"]) for row in rows]
    assert keys == sorted(keys)


def test_the_json_has_a_run_a_line_and_every_digit(history: RunHistory) -> None:
    stream = io.StringIO()
    write_json(stream, [history, history])
    assert len(stream.getvalue().splitlines()) == 4
    first, second = json.loads(stream.getvalue())["runs"]
    assert first == second == json.loads(json.dumps(document(history)))
    assert (first["id"], first["state"], first["spec"]["module"]) == (spec().id, "completed", "ela")
    assert [(item["step"], item["values"]["top1"], item["attempts"]["top1"]) for item in first["metrics"]] == [
        (10, 50.0, 1),
        (20, 61.5, 2),
        (30, 70.0, 2),
    ]
    assert (first["last"]["epoch"], first["best"]["values"]["top1"], first["params"]) == (3, 70.0, 10)


def test_no_runs_are_an_empty_list() -> None:
    stream = io.StringIO()
    write_json(stream, [])
    assert json.loads(stream.getvalue()) == {"runs": []}
