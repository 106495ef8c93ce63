"""The tables and views of the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.db import schema
from attnctl.db.rows import COLUMNS
from attnctl.db.store import open_store
from attnctl.spec import recipe_fields


def test_the_recipe_has_a_column_for_each_of_its_fields() -> None:
    (table,) = [table for table in schema.metadata.tables.values() if "lr" in table.columns]
    assert set(recipe_fields()) <= set(table.columns.keys())
    assert all(table.columns[name].comment for name in recipe_fields())


def test_a_run_has_the_columns_that_a_row_begins_with() -> None:
    assert {"id", "module", "label", "seed", "state", "reason"} <= set(schema.run.columns.keys())
    assert {"id", "module", "label", "seed", "state", "reason"} <= set(COLUMNS)


@pytest.mark.parametrize("view", ["runs", "hyperparameters", "metrics", "results", "sweep_runs"])
def test_a_view_knows_runs_by_their_ids(view: str, tmp_path: Path) -> None:
    store = open_store(tmp_path / "x.sqlite")
    cursor = store.connection.execute(f"SELECT * FROM {view}")
    names = [column[0] for column in cursor.description]
    assert names[0] == "id" if view == "runs" else "run" in names
    assert "number" not in names
    assert cursor.fetchall() == []
    store.close()
