"""Ingestion: what the folders of the runs say, written into the index, a chunk of runs in one transaction.

Positions in the logs are read and moved in the same transaction as the rows, so that whatever is killed, and however
many commands do it at once, each line is taken in once.
"""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from attnctl.db import spec_rows
from attnctl.db.rows import verdict_of
from attnctl.db.store import Store
from attnctl.lifecycle import results
from attnctl.lifecycle.results import Results
from attnctl.lifecycle.run_reader import MACHINE, Facts, Token, judge, read_run
from attnctl.lifecycle.state import ABSENT, UNSEEN, State, Verdict, requested, world
from attnctl.values import format_value
from attnctl.workspace import stamps
from attnctl.workspace.events import COLUMNS, Log, Replaced, Summary
from attnctl.workspace.events import read as read_log
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import Observed, Request
from attnctl.workspace.submissions import Submitted, job_of_task

CHUNK = 128
"""Runs in one transaction; others may write between two."""

MANY = 100_000
"""Metric rows held in memory before they are handed to SQLite."""

_METRIC = """
    INSERT OR REPLACE INTO metric (run, step, name, attempt, incarnation, epoch, value) VALUES (?, ?, ?, ?, ?, ?, ?)"""
_LISTED = "(SELECT value FROM json_each(?))"


@dataclass
class IndexedRun:
    """A run in the index. number: its key there."""

    id: str
    number: int
    row: dict[str, Any] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    results: Results = field(default_factory=Results)
    alarm: str | None = None
    submissions: dict[str, Submitted] = field(default_factory=dict)
    """By tag."""
    stamp: str = ""
    """What its files were like when it was read: `attnctl.workspace.stamps`."""

    def forget(self) -> IndexedRun:
        """The same run with nothing read."""
        return IndexedRun(self.id, self.number, submissions=self.submissions)


@dataclass
class Batch:
    """Rows to write, by table."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    metrics: list[tuple[Any, ...]] = field(default_factory=list)
    stale_results: list[int] = field(default_factory=list)
    stamps: list[tuple[int, str, str | None]] = field(default_factory=list)
    """Of each run that was read: its number, and what its files were like then; empty if that proves nothing.

    Then what the scheduler said last of its newest attempt.
    """


def ingest(store: Store, workspace: Workspace, ids: Iterable[str]) -> None:
    """Read on in the folders of these runs. Raises sqlite3.Error."""
    remaining = iter(ids)
    while chunk := list(itertools.islice(remaining, CHUNK)):
        with store.writing() as connection:
            batch = Batch()
            for indexed in _load(connection, workspace, chunk):
                if not indexed.row.get("final"):
                    _ingest_run(connection, workspace, indexed, batch)
                if len(batch.metrics) > MANY:
                    _write(store, batch)
                    batch = Batch()
            _write(store, batch)


def forget(connection: sqlite3.Connection, numbers: Sequence[int], *, runs: bool) -> None:
    """Delete what was read of some runs. runs: them too, not only what belongs to them."""
    keys = [(number,) for number in numbers]
    for table in ("spec", "metric", "result", "incarnation", "attempt", "hyperparameter", "stamp"):
        connection.executemany(f"DELETE FROM {table} WHERE run = ?", keys)  # noqa: S608 (our own names)
    if runs:
        connection.executemany("DELETE FROM run WHERE number = ?", keys)


# ---------------------------------------------------------------------------------------------------------- one run


def _ingest_run(connection: sqlite3.Connection, workspace: Workspace, indexed: IndexedRun, batch: Batch) -> None:
    folder = workspace.run(indexed.id)
    attempts = set(indexed.facts.requests)
    waiting = f"{workspace.waiting_folder}/{indexed.id}.json"
    put_off = os.path.exists(waiting)  # noqa: PTH110 - of thousands of runs
    before, devices = _read_so_far(indexed.facts), indexed.facts.devices()
    if not put_off and _read_grown(folder, indexed):
        if _read_so_far(indexed.facts) != before:
            row = indexed.row
            _add_log(connection, indexed, batch, before, devices)
            _add_run(indexed, verdict_of(row["state"], row["reason"], row["since"], row["node"]), batch)
        return
    seen = stamps.look(folder)  # before anything else is read, so that no later change is missed
    stamp, indexed.facts.names = seen.stamp, seen.names
    try:
        facts = read_run(folder, indexed.facts)
    except Replaced:
        forget(connection, [indexed.number], runs=False)
        indexed, attempts, before, devices = indexed.forget(), set(), {}, {}
        facts = read_run(folder, indexed.facts)
    if facts is None:
        return
    _load_closed(connection, indexed)
    verdict = judge(folder, facts, indexed.submissions)
    batch.rows["attempt"] += [
        _attempt_row(indexed.number, number, facts.requests[number]) for number in facts.requests.keys() - attempts
    ]
    _add_log(connection, indexed, batch, before, devices)
    if facts.spec is not None:
        batch.rows["spec"].append({"run": indexed.number, **spec_rows.recipe_row(facts.spec)})
        batch.rows["hyperparameter"] += [
            {"run": indexed.number, "name": name, "value": format_value(value)}
            for name, value in facts.spec.hyperparameters
        ]
    row = _add_run(indexed, verdict, batch)
    put_off = put_off or verdict.state is State.WAITING or os.path.exists(waiting)  # noqa: PTH110
    last = _last_report(folder, facts)
    if facts.problems or put_off:
        stamp = ""
    elif not row["final"] and not stamps.is_settled(stamp, time.time()):
        stamp = stamps.growing(stamp, time.time()) if _depends_not_on_log(facts, verdict, last) else ""
    batch.stamps.append((indexed.number, stamp, last.essence if last is not None else None))


def _read_grown(folder: RunDir, indexed: IndexedRun) -> bool:
    """Read on in the log of a run that trains; True if nothing else of it has changed, so that its state holds."""
    token = indexed.facts.token
    if not indexed.stamp or token is None or not stamps.only_grown(str(folder.path), indexed.stamp):
        return False
    log = indexed.facts.logs[token]
    decisive = log.summary.started, log.summary.lost
    try:
        for evaluations in read_log(folder.attempt(token[0]).incarnation(token[1]).events, log):
            indexed.facts.fresh += [(token, evaluation) for evaluation in evaluations]
    except (OSError, Replaced):
        return False
    return (log.summary.started, log.summary.lost) == decisive


def _last_report(folder: RunDir, facts: Facts) -> Observed | None:
    """What the scheduler said last of the newest attempt."""
    attempt = folder.attempt(facts.newest) if facts.newest is not None else None
    if attempt is None or facts.names_of(attempt).lack(attempt.observed):
        return None
    return next(reversed(attempt.observations()), None)


def _depends_not_on_log(facts: Facts, verdict: Verdict, last: Observed | None) -> bool:
    """Whether a run trains, as the scheduler or its own files say: where neither does, growth of its log decides."""
    if verdict.state is not State.RUNNING or facts.newest is None or facts.token is None:
        return False
    return last is None or last.word not in {ABSENT, UNSEEN}


def _add_log(
    connection: sqlite3.Connection,
    indexed: IndexedRun,
    batch: Batch,
    before: Mapping[Token, tuple[int, bool]],
    devices: Mapping[Token, str],
) -> None:
    """Rows of what the logs have more than before. devices: those that they named then."""
    facts = indexed.facts
    batch.rows["incarnation"] += [
        _incarnation_row(indexed.number, token, facts.logs[token])
        for token, read in _read_so_far(facts).items()
        if read != before.get(token)
    ]
    if facts.fresh or facts.devices() != devices:
        indexed.results, indexed.alarm = _results(connection, indexed, batch)


def _add_run(indexed: IndexedRun, verdict: Verdict, batch: Batch) -> dict[str, Any]:
    """The run's row, which goes into the batch if it has changed."""
    row = _run_row(indexed, verdict)
    if any(indexed.row.get(name, row) != value for name, value in row.items()):
        batch.rows["run"].append(row)
    return row


def _read_so_far(facts: Facts) -> dict[Token, tuple[int, bool]]:
    """Of each incarnation, how far its log was read, and whether its env.json was."""
    return {token: (log.offset, bool(log.machine)) for token, log in facts.logs.items()}


def _results(connection: sqlite3.Connection, indexed: IndexedRun, batch: Batch) -> tuple[Results, str | None]:
    """The run's results with what is fresh, and its alarm; the rows of both tables go into the batch.

    A training that goes straight on adds to what it had; else all rows of the run are looked through.
    """
    found, alarm, facts, number = indexed.results, indexed.alarm, indexed.facts, indexed.number
    rows = [
        (number, evaluation.step, name, *token, evaluation.epoch, value)
        for token, evaluation in facts.fresh
        for name, value in evaluation.values.items()
    ]
    epochs = [found.epoch or 0, *(evaluation.epoch for _, evaluation in facts.fresh)]
    if len(facts.logs) == 1 and all(earlier < later for earlier, later in itertools.pairwise(epochs)):
        batch.metrics += rows
        for _, evaluation in facts.fresh:
            found.add(evaluation)
    else:
        if rows:
            connection.executemany(_METRIC, rows)
        stored = _stored_metrics(connection, number)
        found = results.of_rows(stored)
        alarm = results.disagreement(stored, facts.devices())
    batch.stale_results.append(number)
    batch.rows["result"] += [
        {"run": number, "name": name, "last": found.last.get(name), "best": found.best.get(name)}
        for name in sorted({*found.last, *found.best})
    ]
    return found, alarm


def _stored_metrics(connection: sqlite3.Connection, number: int) -> list[results.Row]:
    """All metric rows of a run, by step and token."""
    query = """
        SELECT step, name, attempt, incarnation, epoch, value FROM metric
        WHERE run = ? ORDER BY step, attempt, incarnation, name"""
    return connection.execute(query, (number,)).fetchall()


def _run_row(indexed: IndexedRun, verdict: Verdict) -> dict[str, Any]:
    facts, found = indexed.facts, indexed.results
    request = facts.requests[facts.newest] if facts.newest is not None else None
    newest = facts.logs[facts.token].summary if facts.token is not None else Summary()
    latest = facts.latest()
    done = verdict.state is State.COMPLETED and not facts.problems and newest.outcome == "completed"
    submitted = indexed.submissions.get(request.tag) if request is not None else None
    return {
        "number": indexed.number,
        "id": indexed.id,
        **(spec_rows.known_columns(indexed.row) if facts.described else spec_rows.columns(facts.spec)),
        "state": str(verdict.state),
        "reason": verdict.reason,
        "since": verdict.since,
        "problem": "; ".join(dict.fromkeys(facts.problems)) or None,
        "alarm": indexed.alarm,
        "final": int(done),
        "attempt": facts.newest,
        "incarnation": facts.token[1] if facts.token is not None else None,
        "tag": request.tag if request is not None else None,
        "job_id": submitted.job_id if submitted is not None else None,
        "place": request.where if request is not None else None,
        "created": request.created if request is not None else None,
        "started": newest.started,
        "heartbeat": newest.heartbeat,
        "ended": None if verdict.state.active or verdict.state is State.NEW else verdict.since,
        "epoch": found.epoch,
        "best_epoch": found.best_epoch,
        **{name: latest.get(name) for name in ("step", "steps", "images_per_s", "params", "macs", "device")},
        "node": verdict.node or latest.get("node"),
    }


def _attempt_row(number: int, attempt: int, request: Request) -> dict[str, Any]:
    return {
        "run": number,
        "attempt": attempt,
        "tag": request.tag,
        "created": request.created,
        "place": request.where,
        "user": request.user,
        "host": request.host,
        "world": world(request),
        "nodes": max(1, requested(request, "nodes", 1)),
        "gpus_per_node": requested(request, "gpus_per_node", 0),
        "minutes": requested(request, "minutes", 0) or None,
        "base": request.base,
    }


def _incarnation_row(number: int, token: Token, log: Log) -> dict[str, Any]:
    row = dict.fromkeys((*COLUMNS, *MACHINE)) | log.columns()
    return {**row, "run": number, "attempt": token[0], "incarnation": token[1], "offset": log.offset, "tail": log.tail}


# ------------------------------------------------------------------------------------------------ reading and writing


def _load(connection: sqlite3.Connection, workspace: Workspace, ids: Sequence[str]) -> list[IndexedRun]:
    """What the index holds of these runs; one that it does not hold gets a number."""
    named = (json.dumps(list(ids)),)
    rows = {row["id"]: row for row in _dicts(connection, f"SELECT * FROM run WHERE id IN {_LISTED}", named)}  # noqa: S608
    ((highest,),) = connection.execute("SELECT max(number) FROM run").fetchall()
    fresh = itertools.count((highest or 0) + 1)
    found = [IndexedRun(run, rows[run]["number"] if run in rows else next(fresh), rows.get(run, {})) for run in ids]
    by_number = {indexed.number: indexed for indexed in found}
    numbers = (json.dumps(list(by_number)),)
    for (number,) in connection.execute(f"SELECT run FROM spec WHERE run IN {_LISTED}", numbers):  # noqa: S608
        by_number[number].facts.described = True
    _load_parts(connection, by_number)
    query = f"""
        SELECT run, task, attempt, task.tag, job_id, place, failed, runs_per_job
        FROM task JOIN submission ON submission.tag = task.tag WHERE run IN {_LISTED}"""  # noqa: S608
    for number, text in connection.execute(f"SELECT run, text FROM stamp WHERE run IN {_LISTED}", numbers):  # noqa: S608
        by_number[number].stamp = text
    by_id = {indexed.id: indexed for indexed in found}
    for run, task, attempt, tag, job_id, place, failed, runs_per_job in connection.execute(query, named):
        head = Submitted(job_id=job_id, failed=failed, runs_per_job=runs_per_job)
        if place == "slurm":
            head = replace(head, job_id=job_of_task(workspace, head, task, run, attempt))
        by_id[run].submissions[tag] = head
    return found


def _dicts(connection: sqlite3.Connection, query: str, values: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def _load_closed(connection: sqlite3.Connection, indexed: IndexedRun) -> None:
    """A submission that was closed before it had tasks names no run: the newest attempt names it."""
    facts = indexed.facts
    if facts.newest is None or (tag := facts.requests[facts.newest].tag) in indexed.submissions:
        return
    for (failed,) in connection.execute("SELECT failed FROM submission WHERE tag = ? AND failed IS NOT NULL", (tag,)):
        indexed.submissions[tag] = Submitted(failed=failed)


def _load_parts(connection: sqlite3.Connection, by_number: dict[int, IndexedRun]) -> None:
    """The attempts, incarnations and results of the runs."""
    for indexed in by_number.values():
        indexed.alarm = indexed.row.get("alarm")
        indexed.results = Results(epoch=indexed.row.get("epoch"), best_epoch=indexed.row.get("best_epoch"))
    numbers = (json.dumps(list(by_number)),)
    for row in _dicts(connection, f"SELECT * FROM attempt WHERE run IN {_LISTED}", numbers):  # noqa: S608
        indexed = by_number[row["run"]]
        resources = {"nodes": row["nodes"], "tasks_per_node": row["world"] // row["nodes"], "minutes": row["minutes"]}
        indexed.facts.requests[row["attempt"]] = Request(
            tag=row["tag"],
            created=row["created"],
            host=row["host"],
            pid=0,
            user=row["user"],
            nonce="",
            where=row["place"],
            resources=resources | {"gpus_per_node": row["gpus_per_node"]},
            base=row["base"],
        )
    for row in _dicts(connection, f"SELECT * FROM incarnation WHERE run IN {_LISTED}", numbers):  # noqa: S608
        summary = Summary(**{name: row[name] for name in COLUMNS})
        machine = {name: row[name] for name in MACHINE if row[name] is not None}
        log = Log(row["offset"], row["tail"], summary, machine)
        by_number[row["run"]].facts.logs[row["attempt"], row["incarnation"]] = log
    query = f"SELECT run, name, last, best FROM result WHERE run IN {_LISTED}"  # noqa: S608
    for number, name, last, best in connection.execute(query, numbers):
        found = by_number[number].results
        found.last.update({name: last} if last is not None else {})
        found.best.update({name: best} if best is not None else {})


def _write(store: Store, batch: Batch) -> None:
    connection = store.connection
    connection.executemany("DELETE FROM result WHERE run = ?", [(number,) for number in batch.stale_results])
    for name in ("run", "spec", "hyperparameter", "attempt", "incarnation", "result"):
        store.upsert(name, batch.rows[name])
    connection.executemany(_METRIC, batch.metrics)
    connection.executemany("DELETE FROM stamp WHERE run = ?", [(number,) for number, *_ in batch.stamps])
    connection.executemany("INSERT INTO stamp VALUES (?, ?, ?)", [item for item in batch.stamps if item[1]])
