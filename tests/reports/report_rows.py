"""Runs as the index gives them, without an index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attnctl.db.rows import Details, RunRow
from attnctl.grid import Axes, expand
from attnctl.spec import RunSpec
from attnctl.values import format_value


def rows(
    values: Sequence[float | None],
    modules: tuple[str, ...] = ("none", "ela"),
    seeds: tuple[str, ...] = ("0",),
    state: str = "completed",
    **axes: Any,
) -> list[RunRow]:
    """Runs with these top-1 values, in the order of the grid; None is a run that is not done."""
    return of_specs(expand(Axes(modules=modules, seeds=seeds, **axes)).specs, values, state)


def of_specs(specs: Sequence[RunSpec], values: Sequence[float | None], state: str = "completed") -> list[RunRow]:
    """A run for each of these."""
    made = []
    details = Details(
        lambda part: {
            spec.id: {
                "hyperparameters": {name: format_value(value) for name, value in spec.hyperparameters},
                "recipe": tuple(vars(spec.recipe).values()),
                "spec": json.dumps(spec.to_json()),
                "base": None,
            }[part]
            for spec in specs
        }
    )
    for spec, value in zip(specs, values, strict=True):
        metrics = {"top1": value, "top5": value + 1} if value is not None else {}
        made.append(
            RunRow(
                id=spec.id,
                module=spec.module,
                label=spec.label(),
                backbone=spec.backbone,
                placement=spec.placement,
                dataset=spec.dataset,
                versions="",
                seed=spec.seed,
                state="completed" if value is not None else state,
                reason="",
                since=0.0,
                step=45,
                steps=100,
                params=272474,
                macs=40813184,
                init=spec.init,
                family=spec.family,
                metrics=metrics,
                details=details,
            )
        )
    return made
