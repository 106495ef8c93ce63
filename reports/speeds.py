"""The measured inference speed of the networks in a report: what `attnctl bench` left in the workspace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from attnctl import datasets
from attnctl.records import Speed
from attnctl.spec import RunSpec
from db import RunRow


def of_runs(rows: Sequence[RunRow], speeds: Sequence[Speed]) -> tuple[Mapping[str, float], str]:
    """Images per second by run id, and in words under which conditions; empty when nothing fits.

    speeds: newest first. Figures under several conditions do not compare: those that most runs have are taken, the
    newest of equals.
    """
    if not speeds:
        return {}, ""
    runs: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for row in rows:
        runs[_network(row.spec)].append(row.id)
    found: dict[tuple[str, int, str, bool], dict[str, float]] = defaultdict(dict)
    for speed in speeds:
        for run in runs.get(speed.network, ()):
            found[speed.conditions].setdefault(run, speed.batch / speed.seconds)
    if not found:
        return {}, ""
    chosen = max(found, key=lambda conditions: len(found[conditions]))
    device, batch, precision, compiled = chosen
    return found[chosen], f"{device}, batch {batch}, {precision}{', compiled' if compiled else ''}"


def _network(spec: RunSpec) -> tuple[object, ...]:
    size = spec.recipe.input_size or datasets.describe(spec.dataset).height
    return spec.module, spec.hyperparameters, spec.backbone, spec.placement, spec.dataset, size
