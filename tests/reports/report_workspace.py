"""Workspaces as sweeps and jobs leave them, and what the index makes of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from attnctl import models, papers
from attnctl.db import open_index
from attnctl.db.rows import RunRow
from attnctl.files import write_atomic
from attnctl.metrics import MEASURED
from attnctl.papers.model import PaperTable
from attnctl.papers.runs import Cells, Overrides, cells_of
from attnctl.reports import table as table_model
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Request, Resources, Sweep

NOW = 1_700_000_000.0

WEIGHTS = {
    name: f"{number:064x}" for number, name in enumerate(("yolox:nano", "torchvision:ResNet50_Weights.IMAGENET1K_V1"))
}
"""Digests of the published weights from which rows start."""


def table(name: str) -> PaperTable:
    """`ean:2`."""
    paper, _, number = name.partition(":")
    return papers.load(paper).tables[number]


def request(workspace: Workspace, spec: RunSpec, number: int = 1) -> None:
    """A run that is asked for, and waits."""
    folder = workspace.run(spec.id)
    write_atomic(folder.spec, json.dumps(spec.to_json()).encode())
    record = Request(
        tag="tag", created=NOW, host="login", pid=1, user="alice", nonce="n", where="slurm", resources=vars(Resources())
    )
    write_atomic(folder.attempt(number).request, record.encode())


def train(
    workspace: Workspace,
    spec: RunSpec,
    *epochs: float,
    device: str = "NVIDIA A100",
    outcome: str = "completed",
    number: int = 1,
    commit: str = "abc",
    steps: int | None = None,
) -> None:
    """A run with these top-1 values, one an epoch; of another task these are all of its metrics."""
    request(workspace, spec, number)
    incarnation = workspace.run(spec.id).attempt(number).incarnation(0)
    model = {"params": 1000, "macs": 10**6, "steps": steps or 10 * len(epochs), "world": 1, "device": device}
    events: list[dict[str, Any]] = [{"kind": "model", "t": NOW + 1, "threads": 1, "steps_per_epoch": 10, **model}]
    for epoch, top1 in enumerate(epochs, 1):
        values = dict.fromkeys(MEASURED[models.task(spec.model)], top1)
        values |= {"top1": top1, "top5": min(100.0, top1 + 10)} if not spec.model else {}
        values |= {name: 1.0 for name in ("loss", "train_loss") if name in values}
        events.append({"kind": "metrics", "t": NOW + 1 + epoch, "step": 10 * epoch, "epoch": epoch, "values": values})
    if outcome:
        events.append({"kind": "end", "t": NOW + 90, "outcome": outcome})
        record = Exit(rank=0, at=NOW + 91, outcome=outcome, message="it broke", step=10 * len(epochs))
        write_atomic(incarnation.exit(0), record.encode())
    write_atomic(incarnation.events, b"".join(json.dumps(event).encode() + b"\n" for event in events))
    machine = {"node": f"n{spec.seed}", "gpus": [device], "torch": "2.9", "python": "3.11", "cuda": "12.8"}
    write_atomic(incarnation.env, json.dumps({**machine, "commit": commit, "world": 1}).encode())


def sweep(
    workspace: Workspace,
    name: str,
    specs: list[RunSpec],
    of: PaperTable | None = None,
    overrides: Overrides | None = None,
    command: tuple[str, ...] = ("sweep",),
    created: float = NOW,
) -> None:
    """The record of a sweep."""
    part: dict[str, Any] = {"paper": of.paper.lower(), "table": of.number} if of is not None else {}
    record = Sweep(
        name=name,
        created=created,
        command=list(command),
        runs=[spec.id for spec in specs],
        overrides=overrides.to_json() if overrides is not None else {},
        **part,
    )
    write_atomic(workspace.sweep(name), record.encode())


def cells(of: PaperTable, rows: Sequence[str] = (), seeds: Sequence[str] = ("0",), **overrides: Any) -> list[Cells]:
    """The runs of a table's rows."""
    return cells_of(of, Overrides(seeds=tuple(seeds), **{"weights": WEIGHTS, **overrides}), rows)


def specs(
    of: PaperTable, row: str, seeds: Sequence[str] = ("0",), column: str | None = None, **overrides: Any
) -> list[RunSpec]:
    """The runs of one row, of all its trainings."""
    found = cells(of, (row,), seeds, **overrides)
    return [spec for item in found if column is None or column in item.columns for spec in item.specs]


def changed(spec: RunSpec, **fields: Any) -> RunSpec:
    """The same run with another recipe."""
    return dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, **fields))


def families(workspace: Workspace, items: list[Cells]) -> dict[str, list[RunRow]]:
    """What the index has of the runs in these cells."""
    with open_index(workspace) as index:
        index.refresh()
        found = index.families({spec.family for item in items for spec in item.specs})
        for rows in found.values():
            for row in rows:  # read while the index is open
                assert row.best is not None
                assert row.recipe is not None
                if row.base is not None:
                    assert row.base.recipe is not None
                    assert row.base.hyperparameters is not None
                assert row.hyperparameters is not None
    return found


def line(shown: table_model.ReportTable, name: str, names: tuple[str, ...]) -> dict[str, table_model.Cell]:
    """The cells of a row, by the columns' names."""
    rows = [row for group in shown.groups for row in group.rows]
    row = rows[names.index(name)]
    return dict(zip([column.name for column in shown.columns], row.cells, strict=True))


def footnotes(shown: table_model.ReportTable, cell: table_model.Cell) -> list[str]:
    """The texts of its marks."""
    texts = {note.mark: note.text for note in shown.footnotes}
    return [texts[mark] for mark in cell.marks]
