"""Ingestion: what the folders of the runs say, written into the index, a chunk of runs in one transaction.

Positions in the logs are read and moved in the same transaction as the rows, so that whatever is killed, and however
many commands do it at once, each line is taken in once.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select
from sqlalchemy.dialects import sqlite

from attnctl.db import schema
from attnctl.db.store import Store
from attnctl.lifecycle import results
from attnctl.lifecycle.results import Results
from attnctl.lifecycle.run_reader import MACHINE, Facts, Token, judge, read_run
from attnctl.lifecycle.state import State, Verdict, requested, world
from attnctl.spec import RunSpec
from attnctl.values import format_value
from attnctl.workspace.events import COLUMNS, Log, Replaced, Summary
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Request
from attnctl.workspace.submissions import Submitted, job_of_task

CHUNK = 128
"""Runs in one transaction; others may write between two."""

MANY = 100_000
"""Metric rows held in memory before they are handed to SQLite."""

_SPEC_COLUMNS = (
    *("module", "label", "model", "backbone", "placement", "dataset", "versions", "seed", "init"),
    *("family", "lineage"),
)
"""The columns of `run` that a run's spec alone decides."""


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

    def forget(self) -> IndexedRun:
        """The same run with nothing read."""
        return IndexedRun(self.id, self.number, submissions=self.submissions)


@dataclass
class Batch:
    """Rows to write, by table."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    metrics: list[tuple[Any, ...]] = field(default_factory=list)
    stale_results: list[int] = field(default_factory=list)


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
                    _write(connection, batch)
                    batch = Batch()
            _write(connection, batch)


def forget(connection: Connection, numbers: Sequence[int], *, runs: bool) -> None:
    """Delete what was read of some runs. runs: them too, not only what belongs to them."""
    for table in (schema.spec, schema.metric, schema.result, schema.incarnation, schema.attempt, schema.hyperparameter):
        connection.execute(delete(table).where(table.c.run.in_(numbers)))
    if runs:
        connection.execute(delete(schema.run).where(schema.run.c.number.in_(numbers)))


# ---------------------------------------------------------------------------------------------------------- one run


def _ingest_run(connection: Connection, workspace: Workspace, indexed: IndexedRun, batch: Batch) -> None:
    folder = workspace.run(indexed.id)
    attempts = set(indexed.facts.requests)
    before, devices = _read_so_far(indexed.facts), indexed.facts.devices()
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
    batch.rows["incarnation"] += [
        _incarnation_row(indexed.number, token, facts.logs[token])
        for token, read in _read_so_far(facts).items()
        if read != before.get(token)
    ]
    if facts.fresh or facts.devices() != devices:
        indexed.results, indexed.alarm = _results(connection, indexed, batch)
    if facts.spec is not None:
        batch.rows["spec"].append({"run": indexed.number, **_recipe_row(facts.spec)})
        batch.rows["hyperparameter"] += [
            {"run": indexed.number, "name": name, "value": format_value(value)}
            for name, value in facts.spec.hyperparameters
        ]
    row = _run_row(indexed, verdict)
    if any(indexed.row.get(name, row) != value for name, value in row.items()):
        batch.rows["run"].append(row)


def _read_so_far(facts: Facts) -> dict[Token, tuple[int, bool]]:
    """Of each incarnation, how far its log was read, and whether its env.json was."""
    return {token: (log.offset, bool(log.machine)) for token, log in facts.logs.items()}


def _results(connection: Connection, indexed: IndexedRun, batch: Batch) -> tuple[Results, str | None]:
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
            connection.exec_driver_sql(_metric_sql(), rows)
        stored = _stored_metrics(connection, number)
        found = results.of_rows(stored)
        alarm = results.disagreement(stored, facts.devices())
    batch.stale_results.append(number)
    batch.rows["result"] += [
        {"run": number, "name": name, "last": found.last.get(name), "best": found.best.get(name)}
        for name in sorted({*found.last, *found.best})
    ]
    return found, alarm


def _stored_metrics(connection: Connection, number: int) -> list[results.Row]:
    """All metric rows of a run, by step and token."""
    columns = schema.metric.c
    fields = (columns.step, columns.name, columns.attempt, columns.incarnation, columns.epoch, columns.value)
    order = (columns.step, columns.attempt, columns.incarnation, columns.name)
    found = connection.execute(select(*fields).where(columns.run == number).order_by(*order))
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in found]


def _run_row(indexed: IndexedRun, verdict: Verdict) -> dict[str, Any]:
    facts, found = indexed.facts, indexed.results
    request = facts.requests[facts.newest] if facts.newest is not None else None
    newest = facts.logs[facts.token].summary if facts.token is not None else Summary()
    latest = facts.latest()
    done = verdict.state is State.COMPLETED and not facts.problems and newest.outcome == "completed"
    submitted = indexed.submissions.get(request.tag) if request is not None else None
    return {
        **dict.fromkeys(schema.run.c.keys()),
        "number": indexed.number,
        "id": indexed.id,
        **_spec_columns(indexed),
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


def _spec_columns(indexed: IndexedRun) -> dict[str, Any]:
    spec = indexed.facts.spec
    if indexed.facts.described:
        return {name: indexed.row[name] for name in _SPEC_COLUMNS}
    if spec is None:
        return dict.fromkeys(("module", "label", "backbone", "dataset"), "?") | {
            "model": "",
            "placement": "",
            "versions": "",
            "seed": 0,
            "init": "",
            "family": "",
            "lineage": "",
        }
    return {
        **{
            name: getattr(spec, name)
            for name in ("module", "model", "backbone", "placement", "dataset", "seed", "init")
        },
        "label": spec.label(),
        "family": spec.family,
        "lineage": spec.lineage,
        "versions": ", ".join(f"{name} {value}" for name, value in _versions(spec)),
    }


def _versions(spec: RunSpec) -> Iterator[tuple[str, int | str]]:
    """The versions by part; a classifier has no model, and most recipes no user's file."""
    return ((name, value) for name, value in vars(spec.versions).items() if name not in {"model", "recipe"} or value)


def _recipe_row(spec: RunSpec) -> dict[str, Any]:
    recipe = {name: int(value) if isinstance(value, bool) else value for name, value in vars(spec.recipe).items()}
    return {**recipe, "text": json.dumps(spec.to_json(), sort_keys=True)}


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
    row = dict.fromkeys((column.name for column in schema.incarnation.c), None) | log.columns()
    return {**row, "run": number, "attempt": token[0], "incarnation": token[1], "offset": log.offset, "tail": log.tail}


# ------------------------------------------------------------------------------------------------ reading and writing


def _load(connection: Connection, workspace: Workspace, ids: Sequence[str]) -> list[IndexedRun]:
    """What the index holds of these runs; one that it does not hold gets a number."""
    table = schema.run
    rows = {row.id: dict(row._mapping) for row in connection.execute(select(table).where(table.c.id.in_(ids)))}
    highest = connection.execute(select(func.max(table.c.number))).scalar() or 0
    fresh = itertools.count(highest + 1)
    found = [IndexedRun(run, rows[run]["number"] if run in rows else next(fresh), rows.get(run, {})) for run in ids]
    by_number = {indexed.number: indexed for indexed in found}
    for (number,) in connection.execute(select(schema.spec.c.run).where(schema.spec.c.run.in_(by_number))):
        by_number[number].facts.described = True
    _load_parts(connection, by_number)
    tasks, heads = schema.task, schema.submission
    query = select(tasks, heads.c.job_id, heads.c.place, heads.c.failed, heads.c.runs_per_job)
    query = query.join(heads, heads.c.tag == tasks.c.tag)
    by_id = {indexed.id: indexed for indexed in found}
    for row in connection.execute(query.where(tasks.c.run.in_(ids))):
        head = Submitted(job_id=row.job_id, failed=row.failed, runs_per_job=row.runs_per_job)
        if row.place == "slurm":
            head = replace(head, job_id=job_of_task(workspace, head, row.task, row.run, row.attempt))
        by_id[row.run].submissions[row.tag] = head
    return found


def _load_closed(connection: Connection, indexed: IndexedRun) -> None:
    """A submission that was closed before it had tasks names no run: the newest attempt names it."""
    facts, heads = indexed.facts, schema.submission.c
    if facts.newest is None or (tag := facts.requests[facts.newest].tag) in indexed.submissions:
        return
    failed = connection.execute(select(heads.failed).where(heads.tag == tag)).scalar()
    if failed is not None:
        indexed.submissions[tag] = Submitted(failed=failed)


def _load_parts(connection: Connection, by_number: dict[int, IndexedRun]) -> None:
    """The attempts, incarnations and results of the runs."""
    for indexed in by_number.values():
        indexed.alarm = indexed.row.get("alarm")
        indexed.results = Results(epoch=indexed.row.get("epoch"), best_epoch=indexed.row.get("best_epoch"))
    for row in connection.execute(select(schema.attempt).where(schema.attempt.c.run.in_(by_number))):
        indexed = by_number[row.run]
        resources = {"nodes": row.nodes, "tasks_per_node": row.world // row.nodes, "minutes": row.minutes}
        indexed.facts.requests[row.attempt] = Request(
            tag=row.tag,
            created=row.created,
            host=row.host,
            pid=0,
            user=row.user,
            nonce="",
            where=row.place,
            resources=resources | {"gpus_per_node": row.gpus_per_node},
            base=row.base,
        )
    for row in connection.execute(select(schema.incarnation).where(schema.incarnation.c.run.in_(by_number))):
        kept = row._mapping
        summary = Summary(**{name: kept[name] for name in COLUMNS})
        machine = {name: kept[name] for name in MACHINE if kept[name] is not None}
        log = Log(row.offset, row.tail, summary, machine)
        by_number[row.run].facts.logs[row.attempt, row.incarnation] = log
    for row in connection.execute(select(schema.result).where(schema.result.c.run.in_(by_number))):
        found = by_number[row.run].results
        found.last.update({row.name: row.last} if row.last is not None else {})
        found.best.update({row.name: row.best} if row.best is not None else {})


def _write(connection: Connection, batch: Batch) -> None:
    if batch.stale_results:
        connection.execute(delete(schema.result).where(schema.result.c.run.in_(batch.stale_results)))
    for name in ("run", "spec", "hyperparameter", "attempt", "incarnation", "result"):
        if batch.rows[name]:
            upsert(connection, schema.metadata.tables[name], batch.rows[name])
    if batch.metrics:
        connection.exec_driver_sql(_metric_sql(), batch.metrics)


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or replace those of the same primary key."""
    connection.execute(_upsert(table), rows)


@cache
def _upsert(table: Table) -> Any:
    statement = sqlite.insert(table)
    changing = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changing)


@cache
def _metric_sql() -> str:
    """For millions of rows as tuples, past SQLAlchemy's handling of each."""
    return str(schema.metric.insert().prefix_with("OR REPLACE").compile(dialect=sqlite.dialect()))
