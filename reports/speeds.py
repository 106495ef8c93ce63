"""The measured inference speed of the networks in a report: what `attnctl bench` left in the workspace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from attnctl import datasets, models
from attnctl.db import RunRow
from attnctl.spec import RunSpec
from attnctl.workspace.records import Speed


def of_runs(rows: Sequence[RunRow], speeds: Sequence[Speed]) -> tuple[Mapping[str, float], str]:
    """Images per second by run id, and in words under which conditions; empty when nothing fits."""
    return of_specs({row.id: row.spec for row in rows}, speeds) if speeds else ({}, "")


def milliseconds(fps: Mapping[str, float]) -> dict[str, float]:
    """The time for an image, from images per second."""
    return {name: 1000 / speed for name, speed in fps.items()}


def of_specs(specs: Mapping[str, RunSpec], speeds: Sequence[Speed]) -> tuple[Mapping[str, float], str]:
    """Images per second by the specs' names, and in words under which conditions; empty when nothing fits.

    speeds: newest first. Figures under several conditions do not compare: those that most have are taken, the newest of
    equals.
    """
    if not speeds:
        return {}, ""
    names: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for name, spec in specs.items():
        names[_network(spec)].append(name)
    found: dict[tuple[str, int, str, bool, str], dict[str, float]] = defaultdict(dict)
    for speed in speeds:
        for name in names.get(speed.network, ()):
            found[speed.conditions].setdefault(name, speed.batch / speed.seconds)
    if not found:
        return {}, ""
    chosen = max(found, key=lambda conditions: len(found[conditions]))
    device, batch, precision, compiled, launch = chosen
    more = "".join([", compiled" if compiled else "", f", {launch}" if launch else ""])
    return found[chosen], f"{device}, batch {batch}, {precision}{more}"


def _network(spec: RunSpec) -> tuple[object, ...]:
    own = models.describe(spec.model).input if spec.model else datasets.describe(spec.dataset).height
    around = (spec.model,) if spec.model else ()
    size = spec.recipe.input_size or own
    return spec.module, spec.hyperparameters, spec.backbone, spec.placement, spec.dataset, size, *around
