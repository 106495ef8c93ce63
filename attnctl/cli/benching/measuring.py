"""The measurements of `attnctl bench`, stored one group of networks at a time.

A command that is interrupted keeps the groups that it has measured. The same command continues with the others.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attnctl import models
from attnctl.cli import output
from attnctl.cli.benching.progress import Report, display
from attnctl.files import write_atomic
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Device, Record, RecordError, Speed

if TYPE_CHECKING:
    from attnctl.jobs.bench import Conditions

Precision = Literal["fp32", "bf16", "fp16"]

_NAMES = {"graph": "CUDA graph", "eager": "eager"}


@dataclass(frozen=True, kw_only=True)
class How:
    """How networks are measured, as typed."""

    batches: Sequence[int]
    precision: Precision
    device: Device
    compiled: bool
    rounds: int
    launches: Sequence[str]


def _launches_of(how: How, spec: RunSpec) -> Sequence[str]:
    """How forwards are launched: on a CPU in one way; a detector's forward cannot be captured in a graph."""
    import torch

    if how.device == "cpu" or not torch.cuda.is_available():
        return ("",)
    return ("eager",) if _detects(spec) else how.launches


@dataclass(frozen=True)
class _Part:
    """Networks that are measured in turn, the plain one first. launch: graph or eager; empty on a CPU."""

    specs: Sequence[RunSpec]
    batch: int
    launch: str

    @property
    def name(self) -> str:
        """Such as `resnet50, batch 1, eager`."""
        spec = self.specs[0]
        network = f"{spec.model} on {spec.backbone}" if spec.model else spec.backbone
        return ", ".join(filter(None, [network, f"batch {self.batch}", _NAMES.get(self.launch, "")]))


@dataclass(frozen=True, kw_only=True)
class Unfinished(Record):
    """What an interrupted command has measured. files: of each part, by its number, the names of its measurements."""

    files: dict[str, list[str]]


def measure(workspace: Workspace, groups: Sequence[Sequence[RunSpec]], how: How) -> list[Speed]:
    """The speeds of all networks; each group's are stored as soon as they are there.

    What the same command has measured before it was interrupted is not measured again. Raises KeyboardInterrupt with
    what is kept.
    """
    parts = [
        _Part(group, size, name) for group in groups for size in how.batches for name in _launches_of(how, group[0])
    ]
    path = workspace.unfinished_bench(_digest(parts, how))
    kept = _kept(workspace, path, len(parts))
    if kept:
        output.note(f"{_of(len(kept), len(parts))} kept from the interrupted command")
    try:
        with display([part.name for part in parts], how.rounds, len(kept)) as report:
            for number, part in enumerate(parts):
                if number not in kept:
                    speeds = _measured(part, how, report)
                    for speed in speeds:
                        write_atomic(workspace.speed(speed), speed.encode())
                    _write(path, workspace, {**kept, number: speeds})
                    kept[number] = speeds
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {_of(len(kept), len(parts))} kept; run the same command again to measure the rest"
        ) from None
    path.unlink(missing_ok=True)
    return [speed for number in range(len(parts)) for speed in kept[number]]


def _of(done: int, total: int) -> str:
    """Such as `2 of 5 measurements are`."""
    return f"{done} of {quantity(total, 'measurement')} {'is' if done == 1 else 'are'}"


def _digest(parts: Sequence[_Part], how: How) -> str:
    """Of the same measurements on the same device."""
    from attnctl.jobs.bench import device_name

    device = device_name(_conditions(parts[0], how).device)
    networks = [[[spec.id for spec in part.specs], part.batch, part.launch] for part in parts]
    text = json.dumps([networks, how.precision, how.compiled, how.rounds, device])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(path: Path, workspace: Workspace, measured: Mapping[int, Sequence[Speed]]) -> None:
    files = {str(number): [workspace.speed(one).name for one in speeds] for number, speeds in measured.items()}
    write_atomic(path, Unfinished(files=files).encode())


def _kept(workspace: Workspace, path: Path, parts: int) -> dict[int, list[Speed]]:
    """Number of a part -> its measurements; none where one is missing or damaged."""
    found: dict[int, list[Speed]] = {}
    with suppress(RecordError):
        unfinished = Unfinished.read(path)
        files = unfinished.files if unfinished is not None else {}
        for number in range(parts):
            names = files.get(str(number), [])
            with suppress(RecordError):
                speeds = [Speed.read(workspace.bench / Path(name).name) for name in names]
                if speeds and None not in speeds:
                    found[number] = [speed for speed in speeds if speed is not None]
    return found


def _measured(part: _Part, how: How, report: Report) -> list[Speed]:
    from attnctl.jobs import bench as measurement
    from attnctl.networks import surgery

    specs, conditions = part.specs, _conditions(part, how)
    report(part.name, 0)
    with output.others_on_standard_error():
        networks = [surgery.build(spec) for spec in specs]
        for done, latest in enumerate(measurement.measure(networks, conditions), 1):
            timings = latest
            report(part.name, done)
    return [
        Speed(
            at=time.time(),
            device=measurement.device_name(conditions.device),
            module=spec.module,
            hyperparameters=dict(spec.hyperparameters),
            backbone=spec.backbone,
            placement=spec.placement,
            dataset=spec.dataset,
            input_size=conditions.shape[1],
            batch=part.batch,
            precision=how.precision,
            compiled=how.compiled,
            seconds=timing.seconds,
            spread=timing.spread,
            plain_seconds=timings[0].seconds,
            model=spec.model,
            launch=_NAMES.get(part.launch, ""),
        )
        for spec, timing in zip(specs, timings, strict=True)
    ]


def _conditions(part: _Part, how: How) -> Conditions:
    import torch

    from attnctl.jobs.bench import Conditions
    from attnctl.networks import surgery

    cuda = torch.cuda.is_available()
    if how.device == "cuda" and not cuda:
        raise SpecError(f"torch {torch.__version__} sees no GPU here; --device cpu measures the CPU")
    return Conditions(
        shape=surgery.input_shape(part.specs[0]),
        batch=part.batch,
        device=torch.device("cuda" if cuda and how.device != "cpu" else "cpu"),
        precision={"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[how.precision],
        compile=how.compiled,
        rounds=how.rounds,
        detects=_detects(part.specs[0]),
        graph=part.launch == "graph",
    )


def _detects(spec: RunSpec) -> bool:
    return models.task(spec.model) in ("detect", "instance")
