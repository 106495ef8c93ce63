"""The estimated time of runs: as measured, else scaled from similar measurements, else from counts."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from attnctl import datasets
from attnctl.cost.devices import assumed, same_device
from attnctl.cost.observations import Observation, observations
from attnctl.cost.scaling import Factor, forwards_of, scaled, work_of
from attnctl.cost.shapes import Machine, Shape, length_of, shape_of
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

Kind = Literal["measured", "scaled", "counts"]

_SPREAD = 1.1
"""The least doubt of a measured shape: machines are shared, and nodes differ."""
_SPREAD_CPU = 1.4
_NEIGHBOURS = 3
"""So many of the most similar shapes are scaled at most."""
_PASSES = 3
"""The forward and backward of a training image cost as much as so many forwards."""
_TRAFFIC = 6
"""Each activation that autograd saves is read or written so often in a training step."""
_DECODED_PER_CORE = 300.0
"""Images that a core reads, decodes and crops per second, of data sets of image files."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The time of a run, from its first to its last event, in seconds; its processes all take that long.

    kind: measured (this shape was), scaled (from a similar one), or counts (from assumed speeds). source: in words
    """

    low: float
    likely: float
    high: float
    kind: Kind
    source: str


@dataclass(frozen=True, kw_only=True)
class _Rate:
    """Seconds of one training image of one process, and of one evaluated image of all."""

    image: Factor
    evaluation: float
    kind: Kind
    source: str


class CostModel:
    """Estimates runs from the speeds measured so far."""

    def __init__(self, measured: Sequence[Observation]) -> None:
        self._groups: dict[tuple[Shape, Machine], list[Observation]] = defaultdict(list)
        for item in measured:
            self._groups[item.shape, item.machine].append(item)
        self._rates: dict[tuple[Shape, Machine], _Rate | None] = {}

    @classmethod
    def of(cls, workspace: Workspace) -> CostModel:
        """The model of a workspace; it reads the index as it is, and writes nothing."""
        return cls(observations(workspace))

    def estimate(self, spec: RunSpec, machine: Machine | None = None) -> Estimate | None:
        """The time of a whole run on a machine (default: one process on a CPU core).

        None for a network that is not counted, of which nothing similar was measured.
        """
        where = machine or Machine()
        try:
            shape, length = shape_of(spec, where.world), length_of(spec)
        except SpecError:
            return None
        rate = self._rate(shape, where)
        if rate is None:
            return None
        training = length.images / where.world
        evaluation = length.evaluated * rate.evaluation
        likely = training * rate.image.likely + evaluation
        return Estimate(
            low=likely * rate.image.low / rate.image.likely,
            likely=likely,
            high=likely * rate.image.high / rate.image.likely,
            kind=rate.kind,
            source=rate.source,
        )

    def newest(self, spec: RunSpec, machine: Machine) -> str | None:
        """The id of the newest completed run of the same shape; None if there is none."""
        shape = shape_of(spec, machine.world)
        found = [
            item
            for (other, _), items in self._groups.items()
            if other == shape
            for item in items
            if item.seconds is not None
        ]
        return max(found, key=lambda item: item.at).run if found else None

    def _rate(self, shape: Shape, machine: Machine) -> _Rate | None:
        key = shape, machine
        if key not in self._rates:
            self._rates[key] = self._measured(shape, machine) or self._derived(shape, machine)
        return self._rates[key]

    # --------------------------------------------------------------------------------------------- the shape itself

    def _measured(self, shape: Shape, machine: Machine) -> _Rate | None:
        found = [
            item
            for (other, where), items in self._groups.items()
            if other == shape and _same_machine(machine, where)
            for item in items
        ]
        return _measured_rate(found, machine) if found else None

    # ------------------------------------------------------------------------------------------------ similar shapes

    def _derived(self, shape: Shape, machine: Machine) -> _Rate | None:
        """Scaled from the most similar shapes, or from counts if that is less doubtful."""
        candidates = []
        for (other, where), items in self._groups.items():
            factor = scaled(items[-1], shape, machine)
            if factor is not None:
                candidates.append((factor.width, other.network, where.device, factor, items))
        counted = _from_counts(shape, machine)
        candidates.sort(key=lambda candidate: candidate[:3])
        if not candidates or (counted is not None and counted.image.width < candidates[0][0]):
            return counted
        nearest = [
            candidate for candidate in candidates[:_NEIGHBOURS] if candidate[0] <= 1.25 * candidates[0][0] + 0.05
        ]
        rates = [
            _scaled_rate(_measured_rate(items, machine), factor, items[-1].machine.world / machine.world)
            for *_, factor, items in nearest
        ]
        names = list(dict.fromkeys(network for _, network, *_ in nearest))
        runs = len({item.run for *_, items in nearest for item in items})
        return _Rate(
            image=_combined([rate.image for rate in rates]),
            evaluation=statistics.geometric_mean([max(rate.evaluation, 1e-9) for rate in rates]),
            kind="scaled",
            source=f"scaled from {', '.join(names)} ({quantity(runs, 'run')})",
        )


def _same_machine(wanted: Machine, measured: Machine) -> bool:
    """Whether what was measured on one machine holds for another as it is."""
    threads = measured.on_gpu or wanted.threads == measured.threads
    return wanted.world == measured.world and threads and same_device(wanted.device, measured.device)


def _measured_rate(items: Sequence[Observation], machine: Machine) -> _Rate:
    """The rate of a measured shape: the median, and a range that holds what was measured."""
    seconds = sorted(item.image_seconds * item.machine.world for item in items)
    spread = _SPREAD if machine.on_gpu else _SPREAD_CPU
    image = Factor(low=seconds[0] / spread, likely=statistics.median(seconds), high=seconds[-1] * spread)
    known = [item.evaluation_seconds for item in items if item.evaluation_seconds is not None]
    evaluation = (
        statistics.median(known) if known else _unmeasured_evaluation(image.likely, items[0].shape, items[0].machine)
    )
    runs = len({item.run for item in items if item.kind == "run"})
    devices = list(dict.fromkeys(item.machine.device for item in items))
    on = f" on {', '.join(devices)}" if machine.on_gpu else ""
    source = f"{quantity(runs, 'run')} of this shape{on}" if runs else f"a trial of this shape{on}"
    return _Rate(image=image, evaluation=evaluation, kind="measured", source=source)


def _unmeasured_evaluation(image: float, shape: Shape, machine: Machine) -> float:
    """Seconds of an evaluated image if only training was measured: a forward; of a detector with its metrics."""
    return image / machine.world / (1.5 if shape.model else _PASSES)


def _scaled_rate(rate: _Rate, factor: Factor, processes: float) -> _Rate:
    """The rate of another shape. processes: those of the measured shape over those of the other, which share images."""
    return replace(rate, image=rate.image * factor, evaluation=rate.evaluation * factor.likely * processes)


def _combined(factors: Sequence[Factor]) -> Factor:
    """What several estimates of one time say together; its range holds what each thinks likely."""
    likely = [factor.likely for factor in factors]
    low = statistics.geometric_mean([factor.low for factor in factors])
    high = statistics.geometric_mean([factor.high for factor in factors])
    return Factor(low=min(low, *likely, low), likely=statistics.geometric_mean(likely), high=max(high, *likely, high))


# ------------------------------------------------------------------------------------------------------------- counts


def _from_counts(shape: Shape, machine: Machine) -> _Rate | None:
    """From multiply-accumulates and memory traffic at the device's assumed speed; None for an uncounted network."""
    work = work_of(shape)
    if work is None:
        return None
    speed, half = assumed(machine.device), shape.precision != "fp32" and machine.on_gpu
    cores = 1.0 if machine.on_gpu else max(1, machine.threads) ** 0.8
    arithmetic = 2 * _PASSES * work.macs / ((speed.half_flops if half else speed.flops) * cores)
    traffic = _TRAFFIC * work.activation_bytes / (2 if half else 1) / (speed.bandwidth * cores)
    launches = work.layers * speed.overhead * forwards_of(shape, machine) / shape.batch
    image = max(arithmetic + traffic, launches) if machine.on_gpu else arithmetic + traffic + launches
    if datasets.describe(shape.dataset).layout in {"imagefolder", "coco", "voc"}:
        image = max(image, 1 / (_DECODED_PER_CORE * max(1, machine.threads)))
    return _Rate(
        image=Factor.of(image, speed.doubt),
        evaluation=_unmeasured_evaluation(image, shape, machine),
        kind="counts",
        source=f"counted operations at {speed.words(half=half)}",
    )
