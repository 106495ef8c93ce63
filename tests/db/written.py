"""Workspaces as commands and jobs write them, for the tests of the index."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attnctl.db.index import Index
from attnctl.files import create_exclusive, write_atomic
from attnctl.grid import Axes, expand
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Cancel, Exit, Observed, Request, Resources, Submission, Sweep, Where

NOW = 1_700_000_000.0

Event = dict[str, Any]


def specs(modules: tuple[str, ...] = ("ela",), seeds: tuple[str, ...] = ("0",), **axes: Any) -> list[RunSpec]:
    return expand(Axes(modules=tuple(modules), seeds=tuple(seeds), **axes)).specs


def submit(
    workspace: Workspace,
    runs: Sequence[RunSpec],
    tag: str = "tag1",
    number: int = 1,
    job_id: str | None = "77",
    where: Where = "slurm",
    sweep: str | None = None,
    failed: str | None = None,
) -> None:
    """What `attnctl sweep` writes for these specs."""
    for spec in runs:
        folder = workspace.run(spec.id)
        write_atomic(folder.spec, json.dumps(spec.to_json(), sort_keys=True).encode())
        request = Request(
            tag=tag,
            created=NOW,
            host="login",
            pid=1,
            user="alice",
            nonce="n",
            where=where,
            resources=dataclasses.asdict(Resources()),
        )
        create_exclusive(folder.attempt(number).request, request.encode())
    record = Submission(
        tag=tag,
        created=NOW,
        where=where,
        host="login",
        pid=1,
        tasks=[[spec.id, number] for spec in runs],
        specs={spec.id: spec.to_json() for spec in runs},
        job_id=job_id,
        failed=failed,
    )
    write_atomic(workspace.submission(tag), record.encode())
    if sweep:
        names = [spec.id for spec in runs]
        asked = Sweep(name=sweep, created=NOW, command=["attnctl", "sweep", "a b"], runs=names)
        write_atomic(workspace.sweep(sweep), asked.encode())


def model_event(device: str = "cpu") -> Event:
    return {
        "kind": "model",
        "t": NOW + 10,
        "params": 272474,
        "macs": 40813184,
        "steps_per_epoch": 10,
        "steps": 40,
        "world": 1,
        "device": device,
        "threads": 1,
    }


def metrics_event(epoch: int, top1: float, **more: float) -> Event:
    values = {"top1": top1, "loss": 1 - top1 / 100, "images_per_s": 100.0, **more}
    return {"kind": "metrics", "t": NOW + 10 + epoch, "step": 10 * epoch, "epoch": epoch, "values": values}


def progress_event(step: int) -> Event:
    return {"kind": "progress", "t": NOW + 10.5 + step / 10, "step": step, "loss": 0.5, "images_per_s": 50.0}


def end_event() -> Event:
    return {"kind": "end", "t": NOW + 20, "outcome": "completed"}


def encoded(events: Iterable[Event]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def append(workspace: Workspace, run: str, events: bytes | Iterable[Event], number: int = 1, restart: int = 0) -> Path:
    path = workspace.run(run).attempt(number).incarnation(restart).events
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(events if isinstance(events, bytes) else encoded(events))
    return path


def finish(
    workspace: Workspace, run: str, top1: float = 90.0, number: int = 1, restart: int = 0, epochs: int = 4
) -> None:
    """A whole undisturbed training of a run."""
    evaluations = [metrics_event(epoch, top1 - (epochs - epoch)) for epoch in range(1, epochs + 1)]
    append(workspace, run, [model_event(), *evaluations, end_event()], number, restart)
    incarnation = workspace.run(run).attempt(number).incarnation(restart)
    write_atomic(incarnation.env, json.dumps({"node": "n1", "torch": "2.9", "python": "3.11", "cuda": None}).encode())
    leave(workspace, run, "completed", number, restart)


def leave(
    workspace: Workspace, run: str, outcome: str, number: int = 1, restart: int = 0, message: str = "", rank: int = 0
) -> None:
    record = Exit(rank=rank, at=NOW + 21, outcome=outcome, message=message)
    write_atomic(workspace.run(run).attempt(number).incarnation(restart).exit(rank), record.encode())


def observe(workspace: Workspace, run: str, word: str, at: float = NOW + 1, number: int = 1, reason: str = "") -> None:
    record = Observed(at=at, job_id="77_0", word=word, reason=reason, source="squeue")
    write_atomic(workspace.run(run).attempt(number).observed / f"{at}.json", record.encode())


def cancel(workspace: Workspace, run: str, number: int = 1) -> None:
    record = Cancel(at=NOW + 5, user="bob", host="login")
    write_atomic(workspace.run(run).attempt(number).cancel, record.encode())


def age(workspace: Workspace, at: float = NOW) -> None:
    """Give all files and folders of the runs that have changed since the last time a time that is long ago."""
    for path in (workspace.runs, *workspace.runs.rglob("*")):
        if path.stat().st_mtime > NOW + 1e6:
            os.utime(path, (at, at))


def contents(index: Index) -> dict[str, list[str]]:
    """All that a user of the file can ask for."""
    rows = {}
    for view in ("runs", "hyperparameters", "metrics", "results", "sweep_runs", "attempt", "submission", "task"):
        query = f"SELECT * FROM {view}"
        cursor = index._store.connection.execute(query)
        names = [column[0] for column in cursor.description]
        hidden = {"run"} if view == "attempt" else set()
        rows[view] = sorted(repr([v for n, v in zip(names, row, strict=True) if n not in hidden]) for row in cursor)
    return rows


def workspace(folder: Path) -> Workspace:
    return Workspace(folder)
