"""Letting go of runs whose folders were changed in a way that reading on does not see."""

from __future__ import annotations

import json
from collections.abc import Sequence

from attnctl.db.index import Index
from attnctl.db.ingest import forget as forget_runs

_RUNS = "SELECT number FROM run WHERE id IN (SELECT value FROM json_each(:runs))"
_TAGS = "SELECT DISTINCT tag FROM task WHERE run IN (SELECT value FROM json_each(:runs))"


def forget(index: Index, runs: Sequence[str]) -> None:
    """Drop these runs and the submissions that name them; the next refresh reads them anew. Raises SpecError."""
    named = {"runs": json.dumps(list(runs))}
    with index.guarded() as store, store.writing() as connection:
        numbers = [number for (number,) in connection.execute(_RUNS, named)]
        tags = connection.execute(_TAGS, named).fetchall()
        forget_runs(connection, numbers, runs=True)
        connection.executemany("DELETE FROM task WHERE tag = ?", tags)
        connection.executemany("DELETE FROM submission WHERE tag = ?", tags)
