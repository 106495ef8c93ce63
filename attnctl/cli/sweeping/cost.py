"""The estimated cost of runs, from completed runs of the same network, data set and recipe."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from attnctl.cli import context
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.units import duration, quantity, size
from attnctl.workspace.layout import RunDir
from attnctl.workspace.records import Request


@dataclass(frozen=True)
class Estimate:
    """hours: process-hours (GPU-hours on GPUs) of the runs that are known; bytes: what they leave on disk.

    unknown: runs of which no equal one has been seen.
    """

    runs: int
    hours: float
    bytes: int
    unknown: int

    def words(self) -> str:
        """Such as `estimated cost: 1h12m of one GPU (or CPU process) and 40 MB of disk; unknown for 2 of 5 runs`."""
        if self.unknown == self.runs:
            return "estimated cost: unknown, as no run of this kind has completed yet"
        cost = f"{duration(self.hours * 3600)} of one GPU (or CPU process) and {size(self.bytes)} of disk"
        missing = f"; unknown for {self.unknown} of {quantity(self.runs, 'run')}" if self.unknown else ""
        return f"estimated cost: {cost}{missing}"


def estimate(config: Config, specs: Sequence[RunSpec]) -> Estimate:
    """The cost of these runs. An index that is there is read as it is; none is made."""
    cost = _known(config, {_kind(spec) for spec in specs})
    found = [cost[_kind(spec)] for spec in specs if _kind(spec) in cost]
    return Estimate(len(specs), sum(c[0] for c in found), sum(c[1] for c in found), len(specs) - len(found))


def _kind(spec: RunSpec) -> tuple[object, ...]:
    """What makes two runs cost alike."""
    return spec.network, spec.dataset, replace(spec.recipe, lr=1.0, momentum=0.0, weight_decay=0.0)


def _known(config: Config, kinds: Collection[tuple[object, ...]]) -> dict[tuple[object, ...], tuple[float, int]]:
    """Process-hours and bytes of the newest completed run of each kind."""
    from attnctl.db.location import location

    if not kinds or not location(config.workspace).exists():
        return {}
    places = {kind[:2] for kind in kinds}
    with context.index() as index:
        rows = [
            row
            for row in index.runs()
            if row.state == State.COMPLETED and row.started and row.ended and (row.network, row.dataset) in places
        ]
    found = {}
    for row in sorted(rows, key=lambda row: row.ended or 0.0):
        kind = _kind(row.spec)
        if kind in kinds:
            hours = ((row.ended or 0.0) - (row.started or 0.0)) / 3600
            run = config.workspace.run(row.id)
            found[kind] = (hours * _world(run, row.attempt or 1), _bytes(run.path) + _bytes_outside(run))
    return found


def _world(run: RunDir, attempt: int) -> int:
    request = Request.read(run.attempt(attempt).request)
    asked = request.resources if request is not None else {}
    return int(asked.get("nodes", 1)) * int(asked.get("tasks_per_node", 1))


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _bytes_outside(run: RunDir) -> int:
    return 0 if run.checkpoints.is_relative_to(run.path) else _bytes(run.checkpoints)
