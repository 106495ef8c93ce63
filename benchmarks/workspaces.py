"""Workspaces of many runs, for the benchmarks: written as submission and the workers write them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from attnctl.grid import Axes, expand
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Request, Resources, Submission

NOW = 1_700_000_000.0
STEPS = 390


def specs(count: int) -> list[RunSpec]:
    """`count` runs that differ in their seed."""
    (spec,) = expand(Axes(modules=("ela",))).specs
    return [dataclasses.replace(spec, seed=seed) for seed in range(count)]


def log(epochs: int) -> bytes:
    """The events of a training: eight values an epoch, and ten heartbeats."""
    events = [{"kind": "model", "t": NOW, "params": 272474, "macs": 40813184, "steps": STEPS * epochs, "device": "cpu"}]
    for epoch in range(1, epochs + 1):
        moment, step = NOW + 10 * epoch, STEPS * epoch
        events += [
            {
                "kind": "progress",
                "t": moment + k,
                "step": step - 390 + 39 * k,
                "loss": 1.2345678 / k,
                "images_per_s": 4e3,
            }
            for k in range(1, 10)
        ]
        names = ("loss", "top1", "top5", "train_loss", "train_top1", "lr", "images_per_s", "grad_norm")
        values = {name: 50.123456789 + epoch / 7 + number for number, name in enumerate(names)}
        events.append({"kind": "metrics", "t": moment, "step": step, "epoch": epoch, "values": values})
    events.append({"kind": "end", "t": NOW + 10 * epochs + 1, "outcome": "completed"})
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def finished(root: Path, runs: Sequence[RunSpec], epochs: int) -> Workspace:
    """A workspace of completed runs of one submission."""
    workspace, events = Workspace(root), log(epochs)
    request = Request(
        tag="bench",
        created=NOW,
        host="login",
        pid=1,
        user="me",
        nonce="n",
        where="slurm",
        resources=dataclasses.asdict(Resources()),
    ).encode()
    ended = Exit(rank=0, at=NOW + 10 * epochs + 2, outcome="completed").encode()
    for spec in runs:
        run = workspace.run(spec.id)
        start = run.attempt(1).incarnation(0)
        start.path.mkdir(parents=True)
        run.spec.write_text(json.dumps(spec.to_json()))
        run.attempt(1).request.write_bytes(request)
        start.events.write_bytes(events)
        start.exit(0).write_bytes(ended)
        start.env.write_text('{"node": "n1", "torch": "2", "python": "3"}')
    submission = Submission(
        tag="bench",
        created=NOW,
        where="slurm",
        host="login",
        pid=1,
        tasks=[[spec.id, 1] for spec in runs],
        specs={},
        job_id="7",
    )
    workspace.submissions.mkdir()
    workspace.submission("bench").write_bytes(submission.encode())
    return workspace
