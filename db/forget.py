"""Letting go of runs whose folders were changed in a way that reading on does not see."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import text

from attnctl.db.index import Index
from attnctl.db.ingest import forget as forget_runs

_RUNS = "SELECT number FROM run WHERE id IN (SELECT value FROM json_each(:runs))"
_TAGS = "SELECT DISTINCT tag FROM task WHERE run IN (SELECT value FROM json_each(:runs))"


def forget(index: Index, runs: Sequence[str]) -> None:
    """Drop these runs and the submissions that name them; the next refresh reads them anew. Raises SpecError."""
    named = {"runs": json.dumps(list(runs))}
    with index.guarded() as store, store.writing() as connection:
        numbers = connection.execute(text(_RUNS), named).scalars().all()
        tags = [{"tag": tag} for tag in connection.execute(text(_TAGS), named).scalars()]
        forget_runs(connection, numbers, runs=True)
        if tags:
            connection.execute(text("DELETE FROM task WHERE tag = :tag"), tags)
            connection.execute(text("DELETE FROM submission WHERE tag = :tag"), tags)
