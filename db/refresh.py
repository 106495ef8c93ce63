"""Finding what is new in a workspace, with few calls to its file system.

None for a finished run, and for one that has ended otherwise only those that show whether its files are as they were.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from attnctl.workspace import events, stamps, waiting
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Submission, Sweep

if TYPE_CHECKING:
    from attnctl.db.store import Store

R = TypeVar("R", Submission, Sweep)


def is_empty(workspace: Workspace) -> bool:
    """Whether nothing was ever asked for here: then nothing is written here either."""
    return not any(folder.is_dir() for folder in (workspace.runs, workspace.submissions, workspace.sweeps))


def refresh(store: Store, workspace: Workspace, only: Collection[str] | None = None) -> None:
    """Take in whatever is new in the workspace. Raises sqlite3.Error and OSError.

    only: the runs whose folders are looked into, beside those of new submissions; None: all that are not final.
    """
    known = dict(store.connection.execute("SELECT id, final FROM run").fetchall())
    submissions = _new_submissions(store.connection, workspace)
    sweeps, gone = _new_sweeps(store.connection, workspace)
    there = set(workspace.run_ids())
    vanished = known.keys() - there
    if submissions or sweeps or gone or vanished:
        from attnctl.db import write_requests

        named = write_requests.take_in(store, submissions, sweeps, gone, vanished)
        known.update(dict.fromkeys(named, 0))
        only = None if only is None else {*only, *named}
    pending = {run for run in (there if only is None else there & set(only)) if not known.get(run)}
    pending -= _fully_read(store.connection, workspace, pending)
    if pending:
        from attnctl.db.ingest import ingest

        ingest(store, workspace, sorted(pending))


def unchanged(connection: sqlite3.Connection, workspace: Workspace, runs: Collection[str]) -> set[str]:
    """Those of these runs whose files are as they were when the index read them, so that their states still hold.

    The state of a run that waits to be submitted also depends on other files, so that it is never among them.
    """
    query = "SELECT id, text FROM stamp JOIN run ON number = run WHERE id IN (SELECT value FROM json_each(?))"
    stamped = connection.execute(query, (json.dumps(list(runs)),)).fetchall() if runs else []
    wait = set(waiting.run_ids(workspace)) if stamped else set()
    return {run for run, stamp in stamped if run not in wait and stamps.unchanged(f"{workspace.runs}/{run}", stamp)}


def _fully_read(connection: sqlite3.Connection, workspace: Workspace, runs: Collection[str]) -> set[str]:
    """Those of these runs that the index has read to their end: `unchanged`, or training and their logs no longer."""
    query = """
        SELECT id, text, "offset", tail FROM stamp JOIN run ON number = stamp.run
        LEFT JOIN incarnation i
            ON i.run = number AND i.attempt = run.attempt AND i.incarnation = run.incarnation
        WHERE id IN (SELECT value FROM json_each(?))"""
    stamped = connection.execute(query, (json.dumps(list(runs)),)).fetchall() if runs else []
    wait = set(waiting.run_ids(workspace)) if stamped else set()
    return {
        run
        for run, stamp, offset, tail in stamped
        if run not in wait and _has_all(f"{workspace.runs}/{run}", stamp, offset, tail)
    }


def _has_all(folder: str, stamp: str, offset: int | None, tail: bytes | None) -> bool:
    """Whether nothing is new in a run's folder. offset, tail: where its newest log was read to."""
    if offset is None or tail is None or not stamps.is_growing(stamp):
        return stamps.unchanged(folder, stamp)
    return stamps.only_grown(folder, stamp) and events.ends_at(stamps.log(folder, stamp), offset, tail)


def _new_submissions(connection: sqlite3.Connection, workspace: Workspace) -> dict[str, Submission | str]:
    """The submissions that are new, or had no outcome when they were read; words instead of a broken one."""
    settled = "SELECT tag FROM submission WHERE job_id IS NOT NULL OR failed IS NOT NULL"
    done = {tag for (tag,) in connection.execute(settled)}
    found: dict[str, Submission | str] = {}
    for tag in workspace.submission_tags():
        if tag not in done:
            record = _read(Submission, workspace.submission(tag))
            if record is not None:
                found[tag] = record
    return found


def _new_sweeps(
    connection: sqlite3.Connection, workspace: Workspace
) -> tuple[dict[str, tuple[Sweep | str, str]], set[str]]:
    """The sweeps whose file is new or has changed, each with its stamp; and the names of those that are gone."""
    known = dict(connection.execute("SELECT name, stamp FROM sweep").fetchall())
    found: dict[str, tuple[Sweep | str, str]] = {}
    there = workspace.sweep_names()
    for name in there:
        path = workspace.sweep(name)
        try:
            status = path.stat()
        except OSError as error:  # removed a moment ago, or a link to nowhere
            found[name] = (f"{path}: {error.strerror}", "")
            continue
        stamp = f"{status.st_size} {status.st_mtime_ns}"
        if known.get(name) != stamp:
            record = _read(Sweep, path)
            if record is not None:
                found[name] = (record, stamp)
    return found, known.keys() - set(there)


def _read(kind: type[R], path: Path) -> R | str | None:
    try:
        return kind.read(path)
    except RecordError as error:
        return str(error)
    except OSError as error:
        return f"{path}: {error.strerror}"
