"""Writing what was asked for into the index: submissions with their tasks, sweeps with their runs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, delete, select, update

from attnctl.db import schema
from attnctl.db.ingest import forget, upsert
from attnctl.db.store import Store
from attnctl.workspace.records import Submission, Sweep


def take_in(
    store: Store,
    submissions: Mapping[str, Submission | str],
    sweeps: Mapping[str, tuple[Sweep | str, str]],
    gone: Collection[str],
    vanished: Collection[str],
) -> list[str]:
    """Write all of this in one transaction; gives the final runs that have to be looked at again.

    A submission or sweep whose file is broken is there as words. gone: sweeps, vanished: runs that have no file now.
    """
    with store.writing() as connection:
        for tag, submission in submissions.items():
            _write_submission(connection, tag, submission)
        for name, (sweep, stamp) in sweeps.items():
            _drop_sweep(connection, name)
            _write_sweep(connection, name, sweep, stamp)
        for name in gone:
            _drop_sweep(connection, name)
        for run in vanished:
            numbers = connection.execute(select(schema.run.c.number).where(schema.run.c.id == run)).scalars().all()
            forget(connection, numbers, runs=True)
        return _reopen(connection, submissions)


def _write_submission(connection: Connection, tag: str, found: Submission | str) -> None:
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
    upsert(connection, schema.submission, [row])
    if tasks:
        connection.execute(delete(schema.task).where(schema.task.c.tag == tag))
        connection.execute(schema.task.insert(), tasks)


def _write_sweep(connection: Connection, name: str, found: Sweep | str, stamp: str) -> None:
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
    connection.execute(schema.sweep.insert(), [row])
    if runs:
        connection.execute(schema.sweep_run.insert(), runs)


def _drop_sweep(connection: Connection, name: str) -> None:
    connection.execute(delete(schema.sweep_run).where(schema.sweep_run.c.sweep == name))
    connection.execute(delete(schema.sweep).where(schema.sweep.c.name == name))


def _reopen(connection: Connection, tags: Collection[str]) -> list[str]:
    """Final runs that a submission names: it is a new attempt, or a job id that the run does not know yet."""
    run, task = schema.run.c, schema.task.c
    named = select(task.run).where(task.tag.in_(tags))
    found = list(connection.execute(select(run.id).where(run.id.in_(named), run.final == 1)).scalars())
    if found:
        connection.execute(update(schema.run).where(run.id.in_(named)).values(final=0))
    return found
