"""Workspaces written by hand for the commands that pass runs on: attempts with the times and numbers a test wants."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attnctl import grid
from attnctl.files import write_atomic
from attnctl.grid import Axes
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Request, Submission, Sweep

NOW = 1_700_000_000.0


def spec(module: str = "ela", seed: int = 0) -> RunSpec:
    return grid.expand(Axes(modules=(module,), seeds=(str(seed),))).specs[0]


def write_spec(workspace: Workspace, run: RunSpec) -> None:
    write_atomic(workspace.run(run.id).spec, json.dumps(run.to_json(), sort_keys=True).encode() + b"\n")


def events(values: Mapping[int, float], *, at: float = NOW, device: str = "cpu") -> bytes:
    """An event log. values: step to top1; an epoch has 10 steps."""
    lines: list[dict[str, Any]] = [{"kind": "model", "t": at, "device": device, "params": 10, "macs": 20, "steps": 40}]
    lines += [
        {
            "kind": "metrics",
            "t": at + step,
            "step": step,
            "epoch": step // 10,
            "values": {"top1": top1, "loss": 1 - top1 / 100, "images_per_s": at % 1000},
        }
        for step, top1 in values.items()
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def write_attempt(
    workspace: Workspace,
    run: RunSpec,
    number: int,
    values: Mapping[int, float],
    *,
    nonce: str,
    created: float = NOW,
    outcome: str | None = "completed",
    device: str = "cpu",
    checkpoint: int | None = None,
) -> None:
    """An attempt of a run, submitted under a tag of its own. outcome: None is one that is under way."""
    write_spec(workspace, run)
    folder = workspace.run(run.id)
    attempt = folder.attempt(number)
    request = Request(
        tag=f"tag-{nonce}",
        created=created,
        host="login",
        pid=1,
        user="alice",
        nonce=nonce,
        where="slurm",
        resources={"nodes": 1, "tasks_per_node": 1},
    )
    write_atomic(attempt.request, request.encode())
    write_atomic(attempt.owner, b"77_0")
    start = attempt.incarnation(0)
    write_atomic(start.events, events(values, at=created, device=device))
    write_atomic(start.env, json.dumps({"node": "n1", "torch": "2.9", "packages": {"torch": "2.9"}}).encode())
    if outcome is not None:
        record = Exit(rank=0, at=created + 100, outcome=outcome, step=max(values, default=0))
        write_atomic(start.exit(0), record.encode())
    if checkpoint is not None:
        write_atomic(folder.checkpoints / f"{checkpoint}-{number}.0.pt", f"weights {nonce}".encode())
    submission = Submission(
        tag=request.tag,
        created=created,
        where="slurm",
        host="login",
        pid=1,
        tasks=[[run.id, number]],
        specs={run.id: run.to_json()},
        script="#!/bin/sh\n",
        job_id="77",
    )
    write_atomic(workspace.submission(request.tag), submission.encode())


def write_sweep(workspace: Workspace, name: str, runs: list[RunSpec], created: float = NOW) -> None:
    record = Sweep(name=name, created=created, command=["sweep", "ela"], runs=[run.id for run in runs])
    write_atomic(workspace.sweep(name), record.encode())


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but the database."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "attnctl.sqlite" not in path.name
    }


def wandb_records(path: Path) -> Iterator[Any]:
    """The records of an offline run: LevelDB's log format behind a header of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    made_at_run_time: Any = wandb_internal_pb2

    data, position, part = path.read_bytes(), 7, b""
    while position + 7 <= len(data):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        part += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in {1, 4}:  # whole, or the last of several
            record = made_at_run_time.Record()
            record.ParseFromString(part)
            part = b""
            yield record
