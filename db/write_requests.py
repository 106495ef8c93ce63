"""Writing what was asked for into the index: submissions with their tasks, sweeps with their runs."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

from attnctl.db.ingest import forget
from attnctl.db.store import Store
from attnctl.workspace.records import Submission, Sweep


def take_in(
    store: Store,
    submissions: Mapping[str, Submission | str],
    sweeps: Mapping[str, tuple[Sweep | str, str]],
    gone: Collection[str],
    vanished: Collection[str],
) -> list[str]:
    """Write all of this in one transaction; gives the runs that have to be looked at again though they were final.

    A submission or sweep whose file is broken is there as words. gone: sweeps, vanished: runs that have no file now.
    """
    with store.writing() as connection:
        for tag, submission in submissions.items():
            _write_submission(store, tag, submission)
        for name, (sweep, stamp) in sweeps.items():
            _drop_sweep(connection, name)
            _write_sweep(store, name, sweep, stamp)
        for name in gone:
            _drop_sweep(connection, name)
        for run in vanished:
            numbers = [number for (number,) in connection.execute("SELECT number FROM run WHERE id = ?", (run,))]
            forget(connection, numbers, runs=True)
        return [*_forget_replaced(connection, submissions), *_reopen(connection, submissions)]


def _write_submission(store: Store, tag: str, found: Submission | str) -> None:
    row: dict[str, Any] = {"tag": tag, "created": 0.0, "place": "", "host": "", "cluster": None, "job_id": None}
    row |= {"failed": None, "runs_per_job": 0, "problem": found if isinstance(found, str) else None}
    tasks = []
    if isinstance(found, Submission):
        row |= {"created": found.created, "place": found.where, "host": found.host, "cluster": found.cluster}
        row |= {"job_id": found.job_id, "failed": found.failed, "runs_per_job": found.runs_per_job}
        try:
            tasks = [
                {"tag": tag, "task": task, "run": str(run), "attempt": int(attempt)}
                for task, (run, attempt) in enumerate(found.tasks)
            ]
        except (TypeError, ValueError):
            row["problem"] = f"submission {tag} does not list its tasks as run and attempt"
    store.upsert("submission", [row])
    if tasks:
        store.connection.execute("DELETE FROM task WHERE tag = ?", (tag,))
        store.upsert("task", tasks)


def _write_sweep(store: Store, name: str, found: Sweep | str, stamp: str) -> None:
    row: dict[str, Any] = {"name": name, "created": 0.0, "command": "", "stamp": stamp, "problem": None}
    row |= {"paper": "", "table": "", "figure": "", "overrides": "{}"}
    runs: list[dict[str, Any]] = []
    if isinstance(found, str):
        row["problem"] = found
    else:
        row |= {"created": found.created, "command": shlex.join(map(str, found.command))}
        row |= {"paper": str(found.paper), "table": str(found.table), "figure": str(found.figure)}
        row |= {"overrides": json.dumps(found.overrides)}
        runs = [{"sweep": name, "position": position, "run": str(run)} for position, run in enumerate(found.runs)]
    store.upsert("sweep", [row])
    store.upsert("sweep_run", runs)


def _drop_sweep(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("DELETE FROM sweep_run WHERE sweep = ?", (name,))
    connection.execute("DELETE FROM sweep WHERE name = ?", (name,))


def _forget_replaced(connection: sqlite3.Connection, tags: Collection[str]) -> list[str]:
    """Forget the runs whose folder was removed and made anew (their attempt has another tag), and return their ids."""
    query = """
        SELECT DISTINCT number, id FROM task JOIN run ON id = task.run
        JOIN attempt ON attempt.run = number AND attempt.attempt = task.attempt AND attempt.tag != task.tag
        WHERE task.tag IN (SELECT value FROM json_each(?))"""
    found = connection.execute(query, (json.dumps(list(tags)),)).fetchall()
    forget(connection, [number for number, _ in found], runs=True)
    return [run for _, run in found]


def _reopen(connection: sqlite3.Connection, tags: Collection[str]) -> list[str]:
    """Final runs that a submission names: it is a new attempt, or a job id that the run does not know yet.

    The stamps of all runs that it names are dropped too: their folders look as before, but their states may change. A
    submission that was closed before it had tasks names no run; then the runs name it.
    """
    named = {"tags": json.dumps(list(tags))}
    runs = """(SELECT run FROM task WHERE tag IN (SELECT value FROM json_each(:tags))
        UNION SELECT id FROM run WHERE tag IN (SELECT value FROM json_each(:tags)))"""
    found = [run for (run,) in connection.execute(f"SELECT id FROM run WHERE final = 1 AND id IN {runs}", named)]  # noqa: S608
    connection.execute(f"UPDATE run SET final = 0 WHERE final = 1 AND id IN {runs}", named)  # noqa: S608
    connection.execute(f"DELETE FROM stamp WHERE run IN (SELECT number FROM run WHERE id IN {runs})", named)  # noqa: S608
    return found
