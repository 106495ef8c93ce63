"""The time of one shape from the measured time of another: what differs, by how much, and how doubtful that is.

Each difference multiplies the time by a likely factor within a range. The ranges come from what can bound a step: its
arithmetic, its memory traffic, or on a GPU the launching of its kernels, which does not grow with either.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from attnctl import datasets
from attnctl.cost.devices import assumed, same_device
from attnctl.cost.observations import Observation
from attnctl.cost.shapes import Machine, Shape
from attnctl.jobs.training.joint_memory import CPU_MEMORY, GPU_SHARE
from attnctl.networks.complexity import kept
from attnctl.networks.complexity.cells import cell
from attnctl.networks.plain_counts import plain_counts
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError


@dataclass(frozen=True, kw_only=True)
class Work:
    """The work of a network for one image. layers: its modules; 0 if unknown. exact: counted for this very network."""

    macs: int
    activation_bytes: int
    parameters: int
    layers: int
    exact: bool


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A factor of time: likely, and the range in which it is expected."""

    low: float = 1.0
    likely: float = 1.0
    high: float = 1.0

    def __mul__(self, other: Factor) -> Factor:
        return Factor(low=self.low * other.low, likely=self.likely * other.likely, high=self.high * other.high)

    @classmethod
    def of(cls, likely: float, doubt: float, *bounds: float) -> Factor:
        """A likely factor whose range also includes `bounds`, and is wider by the factor `doubt` on either side."""
        return cls(low=min((likely, *bounds)) / doubt, likely=likely, high=max((likely, *bounds)) * doubt)

    @property
    def width(self) -> float:
        """How uncertain it is: the logarithm of its range."""
        return math.log(self.high / self.low)


def work_of(shape: Shape) -> Work | None:
    """The work of a shape's network: from the cached counts of the network, else of its plain one; None if unknown."""
    return _work(shape.label, shape.module, shape.model, shape.backbone, shape.placement, shape.dataset, shape.side)


@lru_cache(maxsize=4096)
def _work(label: str, module: str, model: str, backbone: str, placement: str, dataset: str, side: int) -> Work | None:
    plain = plain_counts(backbone, model)
    layers = plain.layers if plain is not None else 0
    values = dict(part.partition("=")[::2] for part in label.split(" ")[1:])
    for name, hyperparameters, exact in ((module, values, True), (NO_MODULE, {}, module == NO_MODULE)):
        try:
            network = cell(name, dict(hyperparameters), backbone, placement, dataset, side, model)
            counted = kept.read(kept.key(network))
        except (SpecError, OSError):
            counted = None
        if counted is not None and counted.activation_bytes:
            return Work(
                macs=counted.macs,
                activation_bytes=counted.activation_bytes,
                parameters=counted.parameters,
                layers=layers,
                exact=exact,
            )
    if plain is None:
        return None
    sized = plain.at(side)
    return Work(
        macs=sized.macs,
        activation_bytes=sized.activation_bytes,
        parameters=sized.parameters,
        layers=layers,
        exact=module == NO_MODULE,
    )


_JOINED = 0.7
"""Operations of a replica that shares a forward, as a part of those of a forward of its own: norms, losses and random
draws are each replica's own. `benchmarks/joint_forward.py` counts them."""


def forwards_of(shape: Shape, machine: Machine) -> float:
    """How many forwards of one replica have as many operations as a step of a process has."""
    if not shape.joined or shape.replicas == 1:
        return float(shape.replicas)
    work, together = work_of(shape), shape.replicas
    if work is not None:
        kept = work.activation_bytes * shape.batch / shape.replicas
        half = machine.on_gpu and shape.precision != "fp32"
        allowed = GPU_SHARE * assumed(machine.device).memory if machine.on_gpu else CPU_MEMORY
        together = max(1, min(shape.replicas, int(allowed / max(1.0, kept / 2 if half else kept))))
    separate = math.ceil(shape.replicas / together)
    return separate + _JOINED * (shape.replicas - separate)


def scaled(measured: Observation, shape: Shape, machine: Machine) -> Factor | None:
    """The factor from the measured time of an image to that of a shape on a machine; None if they cannot compare.

    The time is that of one process, so that the number of processes is a difference like others.
    """
    if measured.machine.on_gpu != machine.on_gpu or bool(measured.shape.model) != bool(shape.model):
        return None
    factor = Factor()
    for part in (
        *_network(measured.shape, shape, on_gpu=machine.on_gpu),
        *_step(measured, shape, machine),
        *_machine(measured.machine, machine, half=shape.precision != "fp32"),
    ):
        factor *= part
    return factor


def _network(one: Shape, other: Shape, *, on_gpu: bool) -> Iterator[Factor]:
    """The difference between two networks and their inputs."""
    if (one.label, one.placement, one.model, one.backbone, one.side) == (
        other.label,
        other.placement,
        other.model,
        other.backbone,
        other.side,
    ):
        return
    doubt = 1.15
    if (one.module, one.placement) != (other.module, other.placement):
        doubt *= 1.15
    if (one.model, one.backbone) != (other.model, other.backbone):
        doubt *= 1.4
    before, after = work_of(one), work_of(other)
    if before is None or after is None:
        if (one.model, one.backbone, one.side) == (other.model, other.backbone, other.side):
            yield Factor.of(1.0, doubt * 1.2)
        else:
            yield Factor.of(1.0, 8.0)
        return
    if not (before.exact and after.exact):
        doubt *= 1.15
    arithmetic = after.macs / max(1, before.macs)
    traffic = after.activation_bytes / max(1, before.activation_bytes)
    launches = [after.layers / before.layers] if on_gpu and before.layers and after.layers else []
    yield Factor.of(math.sqrt(arithmetic * traffic), doubt, arithmetic, traffic, *launches)


def _step(measured: Observation, other: Shape, machine: Machine) -> Iterator[Factor]:
    """The difference between two steps of a network."""
    one, on_gpu = measured.shape, machine.on_gpu
    if one.batch != other.batch:
        ratio = one.batch / other.batch  # of the time per image, if a step takes the same time with any batch
        yield Factor.of(ratio**0.3, 1.1, ratio) if on_gpu else Factor.of(ratio**0.05, 1.15)
    ratio = (forwards_of(other, machine) / other.batch) / (forwards_of(one, measured.machine) / one.batch)
    if ratio != 1.0:
        yield Factor.of(ratio**0.4, 1.1, ratio) if on_gpu else Factor.of(ratio**0.05, 1.15)
    if one.dataset != other.dataset:
        alike = datasets.describe(one.dataset).layout == datasets.describe(other.dataset).layout
        yield Factor.of(1.0, 1.1 if alike else 1.4)
    for name, doubt in (
        ("precision", 1.8),
        ("channels_last", 1.4),
        ("compile", 1.6),
        ("norms", 1.2),
        ("augment", 1.15),
        ("optimizer", 1.1),
    ):
        if getattr(one, name) != getattr(other, name):
            yield Factor.of(1.0, doubt)


def _machine(one: Machine, other: Machine, *, half: bool) -> Iterator[Factor]:
    """The difference between two machines, for the time of one process."""
    if one.world != other.world:
        yield Factor.of(1.0, 1.2)
    if not one.on_gpu and one.threads != other.threads:
        ratio = one.threads / other.threads
        yield Factor.of(ratio**0.7, 1.15, ratio, 1.0)
    if not same_device(other.device, one.device):
        before, after = assumed(one.device), assumed(other.device)
        ratio = before.half_flops / after.half_flops if half else before.flops / after.flops
        yield Factor.of(ratio, 1.5, 1.0)
