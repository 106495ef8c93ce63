"""Measured speeds: those of earlier runs, from the index, and those of trials."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from attnctl.cost.shapes import Machine, Shape, make_length, make_shape, shape_of
from attnctl.db.location import location
from attnctl.db.rows import TIMING_FIELDS, TimingRow
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Trial

if TYPE_CHECKING:
    from attnctl.db import Index


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A measured speed.

    machine: its threads are 0 on a GPU, where they do not count
    asked, at: Unix seconds of the submission, and of the last event
    image_seconds: of one training image, all processes together
    evaluation_seconds: of one evaluated image, with the checkpoints and the start; None if unknown
    seconds: from the first to the last event of a completed run that was never interrupted; None for others
    """

    kind: Literal["run", "trial"]
    run: str
    shape: Shape
    machine: Machine
    asked: float
    at: float
    image_seconds: float
    evaluation_seconds: float | None = None
    macs: int | None = None
    seconds: float | None = None


def observations(workspace: Workspace, index: Index | None = None) -> list[Observation]:
    """All measured speeds of a workspace. index: an open one; by default its file is read as it is, if there is one."""
    found = [*_of_trials(workspace)]
    if index is not None:
        return found + list(_of_index(index))
    if location(workspace).exists():
        from attnctl.db import open_index

        with open_index(workspace) as opened:
            found += _of_index(opened)
    return found


def _of_index(index: Index) -> Iterator[Observation]:
    for row in index.timings():
        try:
            yield _of_row(row)
        except SpecError:
            continue  # of a data set or a model that is not installed any more


def _of_row(row: TimingRow) -> Observation:
    recipe = dict(zip(TIMING_FIELDS, row.recipe, strict=True))
    shape = make_shape(row.label, row.module, row.model, row.backbone, row.placement, row.dataset, recipe, row.world)
    length = make_length(
        row.dataset,
        int(recipe["batch"] or 1),
        int(recipe["epochs"] or 0),
        int(recipe["steps"] or 0),
        int(recipe["eval_interval"] or 1),
        float(recipe["val_split"] or 0),
    )
    seconds = row.heartbeat - row.started
    whole = bool(row.alone) and row.outcome == "completed" and row.step == row.steps and seconds > 0
    rest = seconds - length.images / row.images_per_s
    return Observation(
        kind="run",
        run=row.run,
        shape=shape,
        machine=machine(row.device, row.world, row.threads),
        asked=row.created,
        at=row.heartbeat,
        image_seconds=1 / row.images_per_s,
        evaluation_seconds=max(0.0, rest) / length.evaluated if whole and length.evaluated else None,
        macs=row.macs,
        seconds=seconds if whole else None,
    )


def machine(device: str, world: int, threads: int) -> Machine:
    """The machine of a measurement; on a GPU the threads do not count."""
    return Machine(device=device, world=world, threads=threads if device == "cpu" else 0)


def trial_of(spec: RunSpec, answer: Mapping[str, Any]) -> Trial:
    """The record of a trial of one process. answer: as `attnctl.jobs.trial` gives it."""
    return Trial(
        at=time.time(),
        spec=spec.to_json(),
        host=answer["host"],
        device=answer["device"],
        threads=answer["threads"],
        world=1,
        images_per_s=answer["images_per_s"],
        evaluation_images_per_s=answer["evaluation_images_per_s"],
        macs=answer["macs"],
    )


def _of_trials(workspace: Workspace) -> Iterator[Observation]:
    for trial in workspace.trials():
        try:
            spec = RunSpec.from_json(trial.spec)
            shape = shape_of(spec, trial.world)
        except SpecError:
            continue
        evaluated = trial.evaluation_images_per_s
        yield Observation(
            kind="trial",
            run=spec.id,
            shape=shape,
            machine=machine(trial.device, trial.world, trial.threads),
            asked=trial.at,
            at=trial.at,
            image_seconds=1 / trial.images_per_s,
            evaluation_seconds=1 / evaluated if evaluated else None,
            macs=trial.macs,
        )
