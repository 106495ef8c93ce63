"""What of the weights loads into the networks of a sweep, counted before anything is submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl.spec import RunSpec, Start
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

if TYPE_CHECKING:
    from attnctl.networks.weights.planned import Counted, Origin


def count(workspace: Workspace, runs: Sequence[RunSpec], files: Mapping[str, Path]) -> Mapping[str, Counted]:
    """Run id -> what loads, for the runs that start from weights.

    files: SHA-256 -> the user's file. Raises SpecError for weights that do not fit.
    """
    started = [spec for spec in runs if Start.of(spec.init) != Start()]
    if not started:
        return {}
    from attnctl.networks.weights import planned

    origins = {spec.init: _origin(workspace, spec, files) for spec in started}
    counted = planned.count(started, origins)
    refused = [spec for spec in started if counted[spec.id].refusal]
    if refused:
        first = refused[0]
        more = f" (and {quantity(len(refused) - 1, 'more run')})" if len(refused) > 1 else ""
        raise SpecError(f"{first.label()} {first.network} {first.dataset}: {counted[first.id].refusal}{more}")
    return counted


def notes(runs: Sequence[RunSpec], counted: Mapping[str, Counted]) -> list[str]:
    """What is left out, each once: `se resnet20 digits: 116 of 146 tensors load; missing: ...`."""
    found = (
        f"{spec.label()} {spec.network} {spec.dataset}: {counted[spec.id].words}"
        for spec in runs
        if spec.id in counted and counted[spec.id].words
    )
    return list(dict.fromkeys(found))


def _origin(workspace: Workspace, spec: RunSpec, files: Mapping[str, Path]) -> Origin:
    from attnctl.networks.weights.planned import Origin

    start = Start.of(spec.init)
    if start.file:
        path = files.get(start.file, workspace.weights(start.file))
        return Origin(name=str(path), file=path, digest=start.file)
    base = spec.origin or workspace.run(start.run).read_spec()
    return Origin(name=f"run {start.run} ({base.label()}, {base.network}, {base.dataset})", base=base)
