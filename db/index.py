"""The index as the commands use it: refresh it, then ask."""

from __future__ import annotations

import json
import shlex
import sqlite3
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from attnctl.db import refresh
from attnctl.db.location import location
from attnctl.db.rows import (
    COLUMNS,
    LISTED_COLUMNS,
    TIMING_FIELDS,
    Details,
    MetricRow,
    PaperSweep,
    RunRow,
    TimingRow,
    verdict_of,
)
from attnctl.db.store import Store, StoreError, clear, open_in_memory, open_store
from attnctl.lifecycle.state import State, Verdict
from attnctl.spec import Start, recipe_fields
from attnctl.values import SpecError
from attnctl.workspace import sharing, untrusted_json
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed, Sweep

RECALL = 3600.0
"""Seconds for which the scheduler is still asked about an attempt that was interrupted: it may start it again."""

_MAY_RETURN = json.dumps([State.PREEMPTED, State.NODE_FAILURE, State.TIMEOUT, State.UNKNOWN])
_ACTIVE = json.dumps([state for state in State if state.active and state is not State.WAITING])

_UNDER_WAY = f"({', '.join(repr(str(state)) for state in State if state.active)})"

# Only names of our own are put into these texts; all values are variables.
_ANY = ":ids IS NULL OR "
_NAMED = f"WHERE ({_ANY}id IN (SELECT value FROM json_each(:ids)))"  # noqa: S608
_SOME = f"run IN (SELECT number FROM run {_NAMED})"  # noqa: S608
_RUNS = f"SELECT number, {', '.join(COLUMNS)} FROM run {_NAMED}"  # noqa: S608
_NAMES = f"SELECT DISTINCT name FROM result WHERE {_ANY}{_SOME} ORDER BY name"  # noqa: S608
_LAST = f"""
    SELECT run, {{columns}} FROM (SELECT run, name, last AS value FROM result WHERE {_ANY}{_SOME})
    GROUP BY run"""  # noqa: S608
_RECIPE = ", ".join(f"spec.{name}" for name in recipe_fields())
_PARTS = {
    "recipe": f"SELECT id, {_RECIPE} FROM spec JOIN run ON number = run {_NAMED}",  # noqa: S608
    "base": f"SELECT id, init FROM run {_NAMED}",  # noqa: S608
    "batch": f"SELECT id, batch FROM run JOIN spec ON spec.run = number {_NAMED} AND state IN {_UNDER_WAY}",  # noqa: S608
    "spec": f"SELECT id, text FROM spec JOIN run ON number = run {_NAMED}",  # noqa: S608
    "best": f"SELECT id, name, best FROM result JOIN run ON number = run AND best IS NOT NULL {_NAMED}",  # noqa: S608
    "hyperparameters": f"SELECT id, name, value FROM hyperparameter JOIN run ON number = run {_NAMED}",  # noqa: S608
}
_TIMED = ", ".join(f"spec.{name}" for name in TIMING_FIELDS)
_TIMINGS = f"""
    SELECT run.id, run.label, run.module, run.model, run.backbone, run.placement, run.dataset,
        attempt.created, i.started, i.heartbeat, i.step, i.steps, i.images_per_s, i.macs, i.world, i.device, i.threads,
        i.outcome, (SELECT count(*) FROM incarnation other WHERE other.run = i.run) = 1, {_TIMED}
    FROM incarnation i JOIN run ON run.number = i.run JOIN spec ON spec.run = i.run
        JOIN attempt ON attempt.run = i.run AND attempt.attempt = i.attempt
    WHERE i.images_per_s > 0 AND i.steps > 0 AND i.step > 0 AND i.world > 0 AND i.threads > 0 AND i.device IS NOT NULL
        AND i.started IS NOT NULL AND i.heartbeat IS NOT NULL
    ORDER BY i.heartbeat, run.id"""  # noqa: S608
_HISTORY = """
    SELECT name, step, epoch, value, attempt, incarnation FROM metric m
    WHERE run = (SELECT number FROM run WHERE id = ?) AND NOT EXISTS (
        SELECT 1 FROM metric later
        WHERE later.run = m.run AND later.step = m.step AND later.name = m.name
            AND (later.attempt, later.incarnation) > (m.attempt, m.incarnation))
    ORDER BY step, name"""
_HISTORIES = """
    SELECT run.id, m.name, m.step, m.epoch, m.value, m.attempt, m.incarnation FROM metric m JOIN run ON number = run
    WHERE run.id IN (SELECT value FROM json_each(:ids)) AND NOT EXISTS (
        SELECT 1 FROM metric later
        WHERE later.run = m.run AND later.step = m.step AND later.name = m.name
            AND (later.attempt, later.incarnation) > (m.attempt, m.incarnation))
    ORDER BY run.id, m.step, m.name"""
_PLACED = """
    SELECT id, attempt, tag, place, job_id, created, observed FROM run LEFT JOIN stamp ON stamp.run = number
    WHERE final = 0 AND attempt IS NOT NULL AND (
        state IN (SELECT value FROM json_each(:active))
        OR state IN (SELECT value FROM json_each(:returning)) AND since > :since)
    ORDER BY created, id"""
_SHARED = """
    SELECT id, attempt, runs_per_job FROM run JOIN submission USING (tag)
    WHERE runs_per_job > 0 AND state IN (SELECT value FROM json_each(:active))
    ORDER BY run.created, id"""


def open_index(workspace: Workspace) -> Index:
    """The index of a workspace, as it was last refreshed. Raises SpecError.

    A workspace without runs gets no file. Where the file cannot be written, by a reader or on a full disk, or is not an
    index of attnctl, the index is in memory.
    """
    return Index(workspace)


def rebuild(workspace: Workspace) -> Index:
    """Rebuild the index from the folders alone. Raises SpecError, also if its file cannot be written."""
    index = Index(workspace, needs_file=True)
    index.rebuild()
    return index


class Index:
    """Queries over one workspace's runs. A context manager; what it raises is a SpecError."""

    def __init__(self, workspace: Workspace, *, needs_file: bool = False) -> None:
        self.workspace = workspace
        self._needs_file = needs_file
        self._without_file = False
        """Whether the index is in memory because its file cannot be written."""
        self.foreign = ""
        """What is in the place of the file, if attnctl did not make it; the index is then in memory."""
        self.location = location(workspace)
        """The file it is kept in, whether it exists yet or not."""
        self._store = self._open()
        self._closed = False

    def _open(self) -> Store:
        try:
            in_memory = not _exists(self.location) and refresh.is_empty(self.workspace)
            return open_in_memory() if in_memory else open_store(self.location, self._group())
        except StoreError as error:
            if self._needs_file or not error.unwritable:
                raise
            self._leave_file(error)
            return open_in_memory()

    def _leave_file(self, error: StoreError) -> None:
        self._without_file = True
        self.foreign = str(error) if error.foreign else ""

    def _group(self) -> int | None:
        """The id of the group that shares the file; None for a private workspace."""
        shared = self.workspace.group and self.location.parent == self.workspace.root.resolve()
        return sharing.group_of(self.workspace) if shared else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; rows that were given out can still be asked for all they have.

        An index that has no file is kept as long as they are: nothing else could answer them.
        """
        if not self._without_file:
            self._store.close()
            self._closed = True

    @contextmanager
    def guarded(self) -> Iterator[Store]:
        """The open file; its errors become one clear line."""
        with clear(self._store.path):
            yield self._store

    def _rows_of(self, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """`_rows` of the runs `ids`: for a condition with OR, SQLite would look through all rows to find a few."""
        return self._rows(query if values["ids"] is None else query.replace(_ANY, ""), values)

    def _rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        if self._closed:
            with Index(self.workspace) as again:
                return again._rows(query, values)
        with self.guarded() as store:
            return store.connection.execute(query, values).fetchall()

    # --------------------------------------------------------------------------------------------------- refreshing

    def rebuild(self) -> None:
        """Read all folders into a new file, whose content the index then takes; until then it is as before."""
        if self._store.path is None:
            self.refresh()
            return
        with self.guarded() as store:
            self._store = store.rebuilt(lambda made: refresh.refresh(made, self.workspace))

    def refresh(self, runs: Collection[str] | None = None) -> None:
        """Take in what is new in the workspace's folders; doing it twice changes nothing.

        runs: ids; only these, and what new submissions ask for, are looked at. None: all that are not final.
        """
        if self._store.path is None and not self._without_file and not refresh.is_empty(self.workspace):
            self._store.close()
            self._store = self._open()
        try:
            self._refresh(runs)
        except StoreError as error:
            if self._needs_file or self._without_file or not error.unwritable:
                raise
            self._leave_file(error)
            self._store = self._store.copied_to_memory()
            self._refresh(None)

    def _refresh(self, runs: Collection[str] | None) -> None:
        with self.guarded() as store:
            try:
                refresh.refresh(store, self.workspace, runs)
            except sqlite3.DatabaseError as error:
                self._store = store.renewed(error)
                refresh.refresh(self._store, self.workspace)

    # ------------------------------------------------------------------------------------------------------- asking

    def placed(self) -> list[Placed]:
        """The newest attempts of the runs that the scheduler should be asked about: under way, or just interrupted."""
        rows = self._rows(_PLACED, {"active": _ACTIVE, "returning": _MAY_RETURN, "since": time.time() - RECALL})
        return [
            Placed(run=run, attempt=attempt, tag=tag, where=where, job_id=job_id, created=created, observed=observed)
            for run, attempt, tag, where, job_id, created, observed in rows
        ]

    def shared(self) -> list[tuple[str, int, int]]:
        """The active runs that share jobs: id, newest attempt, and how many runs have a place in its job."""
        return [(run, attempt, places) for run, attempt, places in self._rows(_SHARED, {"active": _ACTIVE})]

    def further_attempts(self, ids: Sequence[str]) -> int:
        """How many attempts these runs have had beyond the first of each."""
        query = "SELECT sum(attempt - 1) FROM run WHERE id IN (SELECT value FROM json_each(:ids))"
        ((count,),) = self._rows(query, {"ids": _listed(ids)})
        return int(count or 0)

    def states(self, ids: Sequence[str]) -> dict[str, Verdict]:
        """The state of each of these runs that is known."""
        rows = self._rows_of(f"SELECT id, state, reason, since, node FROM run {_NAMED}", {"ids": _listed(ids)})  # noqa: S608
        return {run: verdict_of(state, reason, since, node) for run, state, reason, since, node in rows}

    def settled(self, ids: Collection[str]) -> dict[str, Verdict]:
        """The states of these runs as far as they are proven: the folders are as they were when they were read.

        This asks for no refresh; of a run whose folder has changed there is nothing here.
        """
        with self.guarded() as store:
            runs = refresh.unchanged(store.connection, self.workspace, ids)
        return self.states(list(runs))

    def proven(self, ids: Collection[str]) -> dict[str, Verdict]:
        """The states of these runs right after a refresh of them, as far as their folders prove them.

        Of a run that was never submitted, has a damaged file, or was changed since it was completed, nothing is here.
        """
        query = f"SELECT id FROM run {_NAMED} AND final = 0 AND problem IS NULL AND state != :new"  # noqa: S608
        read = {run for (run,) in self._rows_of(query, {"ids": _listed(ids), "new": State.NEW})}
        return self.states(list(read)) | self.settled(set(ids) - read)

    def runs(self, ids: Sequence[str] | None = None) -> list[RunRow]:
        """These runs, in the order given, without what is not known; or all, in the order of their ids."""
        values = {"ids": None if ids is None else _listed(ids)}
        last = self._wide(_LAST, values)
        details = Details(lambda part: self._details(part, values))
        nothing: dict[str, float] = {}
        found = {
            run: RunRow(*(run, *row, last.get(number, nothing), details))
            for number, run, *row in self._rows_of(_RUNS, values)
        }
        return [found[run] for run in dict.fromkeys(sorted(found) if ids is None else ids) if run in found]

    def listed(self, ids: Sequence[str] | None, metrics: Collection[str]) -> list[RunRow]:
        """As `runs`, in half the time, for a list of states: the rows lack what is not in `LISTED_COLUMNS`.

        metrics: the names of the last values that the rows have
        """
        values: dict[str, Any] = {"ids": None if ids is None else _listed(ids)}
        names = [name for (name,) in self._rows_of(_NAMES, values) if name in metrics] if metrics else []
        lasts = [f"(SELECT last FROM result WHERE run = number AND name = :name{k})" for k in range(len(names))]  # noqa: S608
        query = f"SELECT {', '.join((*LISTED_COLUMNS, *lasts))} FROM run {_NAMED}"  # noqa: S608
        fetched = self._rows_of(query, values | {f"name{k}": name for k, name in enumerate(names)})
        details, width = Details(lambda part: self._details(part, values)), len(LISTED_COLUMNS)
        rows = [RunRow(*(*row[:width], _known(names, row[width:]), details)) for row in fetched]
        if ids is None:
            return sorted(rows, key=attrgetter("id"))
        by_id = {row.id: row for row in rows}
        return [by_id[run] for run in dict.fromkeys(ids) if run in by_id]

    def families(self, families: Collection[str]) -> dict[str, list[RunRow]]:
        """The runs of each of these cells, in the order of their seeds; nothing for a cell without any."""
        query = "SELECT id FROM run WHERE family IN (SELECT value FROM json_each(?)) ORDER BY seed, id"
        found: dict[str, list[RunRow]] = defaultdict(list)
        ids = [run for (run,) in self._rows(query, (_listed(families),))]
        for row in self.runs(ids) if ids else ():
            found[row.family].append(row)
        return dict(found)

    def _wide(self, query: str, values: Mapping[str, Any]) -> dict[int, dict[str, float]]:
        """Run number -> name -> value. query: with the place of one column for each name of a result."""
        names = [name for (name,) in self._rows_of(_NAMES, values)]
        columns = ", ".join(f"max(CASE name WHEN :name{number} THEN value END)" for number in range(len(names)))
        if not names:
            return {}
        variables = {**values, **{f"name{number}": name for number, name in enumerate(names)}}
        return {
            number: {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for number, *row in self._rows_of(query.format(columns=columns), variables)
        }

    def _details(self, part: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """A part of `RunRow` that not everybody asks for: run id -> value."""
        if part in {"batch", "recipe", "spec"}:
            return {run: row if part == "recipe" else row[0] for run, *row in self._rows_of(_PARTS[part], values)}
        if part == "base":
            bases = {run: Start.of(init).run for run, init in self._rows_of(_PARTS[part], values)}
            rows = {row.id: row for row in self.runs(sorted(set(filter(None, bases.values()))))}
            return {run: rows[base] for run, base in bases.items() if base in rows}
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        for run, name, value in self._rows_of(_PARTS[part], values):
            found[run][name] = value
        return found

    def history(self, run: str) -> list[MetricRow]:
        """All values of a run, by step and name. run: its whole id."""
        return [MetricRow(*row) for row in self._rows(_HISTORY, (run,))]

    def histories(self, ids: Collection[str]) -> dict[str, list[MetricRow]]:
        """All values of these runs, each by step and name."""
        found: dict[str, list[MetricRow]] = defaultdict(list)
        for run, *row in self._rows(_HISTORIES, {"ids": _listed(ids)}):
            found[run].append(MetricRow(*row))
        return found

    def timings(self) -> list[TimingRow]:
        """The speed of every incarnation that has recorded one, oldest first."""
        fixed = len(TimingRow._fields) - 1
        return [TimingRow._make((*row[:fixed], row[fixed:])) for row in self._rows(_TIMINGS)]

    # ------------------------------------------------------------------------------------------------------ finding

    def sweeps(self) -> list[Sweep]:
        """All sweeps, oldest first."""
        members: dict[str, list[str]] = defaultdict(list)
        for name, run in self._rows("SELECT sweep, run FROM sweep_run ORDER BY sweep, position"):
            members[name].append(run)
        query = """
            SELECT name, created, command, paper, "table", figure FROM sweep WHERE problem IS NULL
            ORDER BY created, name"""
        return [
            Sweep(
                name=name,
                created=created,
                command=shlex.split(command),
                runs=members[name],
                paper=paper,
                table=table,
                figure=figure,
            )
            for name, created, command, paper, table, figure in self._rows(query)
        ]

    def broken_sweeps(self) -> dict[str, str]:
        """Name -> error message of the sweeps whose file cannot be read."""
        return dict(self._rows("SELECT name, problem FROM sweep WHERE problem IS NOT NULL ORDER BY name"))

    def table_sweeps(self) -> list[PaperSweep]:
        """The sweeps of papers' tables and figures, newest first."""
        query = """
            SELECT name, created, paper, "table", figure, overrides FROM sweep WHERE paper != ''
            ORDER BY created DESC, name DESC"""
        return [
            PaperSweep(name, created, paper, table, figure, _overrides(name, overrides))
            for name, created, paper, table, figure, overrides in self._rows(query)
        ]

    def sweep_families(self, sweep: str) -> set[str]:
        """The families of a sweep's runs (`RunSpec.family`)."""
        query = "SELECT DISTINCT family FROM run WHERE id IN (SELECT run FROM sweep_run WHERE sweep = ?)"
        return {family for (family,) in self._rows(query, (sweep,))}


def _known(names: Sequence[str], values: Sequence[float | None]) -> dict[str, float]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _exists(path: Path) -> bool:
    """Whether the file is there; one in a folder that may not be searched is not."""
    try:
        return path.exists()
    except OSError:
        return False


def _overrides(sweep: str, text: str) -> dict[str, Any]:
    try:
        return untrusted_json.loads_object(text)
    except ValueError as error:
        raise SpecError(f"the index has damaged overrides of sweep {sweep}: {error}; run attnctl db rebuild") from error


def _listed(values: Collection[str]) -> str:
    """Values as one SQL variable, for json_each: as many as there may be."""
    return json.dumps(list(values))
