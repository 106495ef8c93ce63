"""Specs and measured speeds for the tests of the cost model."""

from __future__ import annotations

import dataclasses
from typing import Any

from attnctl.cost.observations import Observation
from attnctl.cost.shapes import Machine, shape_of
from attnctl.grid import Axes, expand
from attnctl.spec import RunSpec


def spec(module: str = "se", *, backbone: str = "resnet20", dataset: str = "digits", **recipe: str) -> RunSpec:
    """A run; a recipe's fields as typed."""
    fields = {name: (value,) for name, value in ({"epochs": "2", "batch": "128", "norm_batch": "64"} | recipe).items()}
    axes = Axes(modules=(module,), backbones=(backbone,), datasets=(dataset,), overrides=fields)
    return expand(axes).specs[0]


def observed(trained: RunSpec, images_per_s: float, machine: Machine | None = None, **more: Any) -> Observation:
    """The measured speed of a run."""
    where = machine or Machine()
    made = Observation(
        kind="run",
        run=trained.id,
        shape=shape_of(trained, where.world),
        machine=dataclasses.replace(where, threads=0) if where.on_gpu else where,
        asked=100.0,
        at=200.0,
        image_seconds=1 / images_per_s,
    )
    return dataclasses.replace(made, **more)
