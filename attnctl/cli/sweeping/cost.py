"""The estimated cost of a sweep: time with a range and its source, and disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnctl.cli.sweeping.destination import Destination
from attnctl.cost import CostModel, Estimate, Machine
from attnctl.cost.scaling import work_of
from attnctl.cost.shapes import shape_of
from attnctl.settings import gpu_request
from attnctl.settings.config import Config
from attnctl.settings.job_shape import JobShape
from attnctl.spec import RunSpec
from attnctl.units import duration, plural, quantity, size
from attnctl.values import comma_join
from attnctl.workspace.layout import RunDir, Workspace

_BYTES_PER_PARAMETER = 4
_SMALL_FILES = 40_000
"""Bytes of a run's spec, logs and records, if no run of its shape has been seen."""


@dataclass(frozen=True, kw_only=True)
class SweepCost:
    """The cost of the runs that a sweep starts. estimates: None for a run of which nothing is known.

    machines: of each run.
    """

    estimates: Sequence[Estimate | None]
    machines: Sequence[Machine]
    bytes: int

    @property
    def unknown(self) -> int:
        """Runs without an estimate."""
        return sum(item is None for item in self.estimates)

    @property
    def unit(self) -> str:
        """What `hours` counts."""
        kinds = {machine.on_gpu for machine in self.machines}
        return "process-hours" if len(kinds) > 1 else "GPU-hours" if kinds == {True} else "CPU process-hours"

    @property
    def hours(self) -> tuple[float, float, float]:
        """Process-hours, which are GPU-hours on GPUs: low, likely, high."""
        return _sum([*self._hours(on_gpu=True), *self._hours(on_gpu=False)])

    def _hours(self, *, on_gpu: bool) -> list[tuple[float, float, float]]:
        """The hours of each run on GPUs, or on CPUs, that has an estimate."""
        return [
            (item.low * machine.world / 3600, item.likely * machine.world / 3600, item.high * machine.world / 3600)
            for item, machine in zip(self.estimates, self.machines, strict=True)
            if item is not None and machine.on_gpu == on_gpu
        ]

    @property
    def sources(self) -> dict[str, int]:
        """Source -> how many runs are estimated from it, most first."""
        return dict(Counter(item.source for item in self.estimates if item is not None).most_common())

    def words(self) -> str:
        """Such as `estimated cost: 8 s (6 s to 11 s) of one CPU process and 1.2 MB of disk. Source: ...`."""
        if self.unknown == len(self.estimates):
            return "estimated cost: unknown; `attnctl try` measures it"
        missing = f"; unknown for {self.unknown} of {quantity(len(self.estimates), 'run')}" if self.unknown else ""
        kinds = {on_gpu: hours for on_gpu in (True, False) if (hours := self._hours(on_gpu=on_gpu))}
        amounts = [amount(_sum(hours), on_gpu=on_gpu) for on_gpu, hours in kinds.items()]
        return f"estimated cost: {comma_join(amounts)} and {size(self.bytes)} of disk{missing}"

    def source_words(self) -> str:
        """Such as `source of the estimate: 2 runs of this shape`; empty if nothing is known."""
        names = list(self.sources.items())
        if len(names) == 1 and not self.unknown:
            return f"source of the estimate: {names[0][0]}"
        shown = "; ".join(f"for {quantity(count, 'run')}, {name}" for name, count in names[:_MOST_SOURCES])
        more = len(names) - _MOST_SOURCES
        rest = f"; and {more} more" if more > 0 else ""
        return f"{plural(len(names), 'source')} of the estimate: {shown}{rest}" if names else ""

    def in_json(self) -> dict[str, Any]:
        """The keys of a JSON document."""
        low, likely, high = self.hours
        return {
            "hours": likely,
            "hours_low": low,
            "hours_high": high,
            "unit": self.unit,
            "sources": self.sources,
            "bytes": self.bytes,
            "unknown": self.unknown,
        }


def _sum(hours: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    low, likely, high = ([item[k] for item in hours] for k in range(3))
    return sum(low), sum(likely), sum(high)


_MOST_SOURCES = 3


def amount(hours: tuple[float, float, float], *, on_gpu: bool) -> str:
    """Process-hours with their range: `3.2 GPU-hours (2.5 to 4.4)`, or `8 s (6 s to 11 s) of one CPU process`."""
    low, likely, high = hours
    if on_gpu and likely >= 1 / 6:
        return f"{number(likely)} GPU-hours ({number(low)} to {number(high)})"
    device = "GPU" if on_gpu else "CPU process"
    return f"{duration(3600 * likely)} ({duration(3600 * low)} to {duration(3600 * high)}) of one {device}"


def number(hours: float) -> str:
    """Hours with two digits, or whole: `3.2`, `1,200`."""
    return f"{hours:.2g}" if hours < 10 else f"{hours:,.0f}"


def machine_of(shape: Destination | JobShape) -> Machine:
    """The machine that runs with these resources get, as far as the request says it."""
    return Machine.of(shape.resources, gpu_request.read(shape.options).kind)


def model_for(config: Config, specs: Sequence[RunSpec]) -> CostModel:
    """What was measured, for runs that are to start; nothing is read if there are none.

    An index that is there is read as it is; none is made.
    """
    return CostModel.of(config.workspace) if specs else CostModel([])


def estimate(
    config: Config, specs: Sequence[RunSpec], destination: Destination, measured: CostModel | None = None
) -> SweepCost:
    """The cost of these runs. measured: what `model_for` gives, if the caller has it already."""
    model = measured or model_for(config, specs)
    machines = [machine_of(destination.shape_of(spec)) for spec in specs]
    sizes: dict[str | None, int] = {}
    total = 0
    for spec, machine in zip(specs, machines, strict=True):
        run = model.newest(spec, machine)
        if run is not None:
            if run not in sizes:
                sizes[run] = _size(config.workspace, run)
            total += sizes[run]
        else:
            total += _expected_size(spec)
    return SweepCost(
        estimates=[model.estimate(spec, machine) for spec, machine in zip(specs, machines, strict=True)],
        machines=machines,
        bytes=total,
    )


def _expected_size(spec: RunSpec) -> int:
    """The bytes of a run that nothing like it has left: its last checkpoint holds the weights."""
    work = work_of(shape_of(spec))
    return _SMALL_FILES + _BYTES_PER_PARAMETER * (work.parameters if work is not None else 0)


def _size(workspace: Workspace, run_id: str) -> int:
    run = workspace.run(run_id)
    return _bytes(run.path) + _bytes_outside(run)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _bytes_outside(run: RunDir) -> int:
    return 0 if run.checkpoints.is_relative_to(run.path) else _bytes(run.checkpoints)
