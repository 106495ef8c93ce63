"""How many runs are worth training at the same time, as jobs with `runs_per_gpu = "auto"` have measured it.

packing/<key>.json     Packing: of the runs of one shape on one kind of device
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from attnctl.files import write_atomic
from attnctl.lifecycle.state import requested
from attnctl.spec import RunSpec
from attnctl.units import plural, quantity
from attnctl.values import comma_join
from attnctl.workspace import requests
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Record, RecordError, Request, Resources

FIRST = 4
"""Runs per job for which room is asked before anything is measured."""

MOST = 16
"""More runs than this never share a job by themselves."""


@dataclass(frozen=True, kw_only=True)
class Packing(Record):
    """What was measured. number: of runs that share a device; asked: for how many the job had room.

    gains: the throughput with the second run divided by that with one, and so on; reason: why there are not more runs.
    device: cpu, or the name of the GPU.
    """

    number: int
    asked: int
    gains: list[float]
    reason: str
    device: str
    at: float

    @property
    def is_open(self) -> bool:
        """Whether more runs might pay: all for which there was room did."""
        return self.number >= self.asked

    @property
    def next_room(self) -> int:
        """For how many runs the next job has room: twice as many, if all have paid."""
        return max(1, min(MOST, 2 * self.number if self.is_open else self.number))

    def words(self) -> str:
        """Such as `2 at a time on cpu: gains x1.80, x1.02; one more does not pay`."""
        gains = comma_join(f"x{value:.2f}" for value in self.gains)
        return f"{self.number} at a time on {self.device}" + (f": gains {gains}" if gains else "") + f"; {self.reason}"


def key(spec: RunSpec, resources: Resources, gpu_type: str = "") -> str:
    """The name of the record for runs like this one. The module is left out: runs of a sweep differ in it."""
    recipe = spec.recipe
    work = [spec.model, spec.backbone, spec.dataset, recipe.batch, recipe.norm_batch, recipe.input_size]
    machine = [resources.world, resources.gpus_per_node, resources.cpus_per_task, gpu_type]
    return hashlib.sha256(json.dumps([*work, recipe.precision, *machine]).encode()).hexdigest()[:16]


def of_attempt(workspace: Workspace, spec: RunSpec, request: Request) -> Packing | None:
    """What was measured for an attempt whose request leaves the number of runs to measurement; else None."""
    return read(workspace, key_of_attempt(spec, request)) if request.options.get("runs_per_gpu") == "auto" else None


def key_of_attempt(spec: RunSpec, request: Request) -> str:
    """The name of the record for an attempt."""
    resources = Resources(
        nodes=requested(request, "nodes", 1),
        tasks_per_node=requested(request, "tasks_per_node", 1),
        gpus_per_node=requested(request, "gpus_per_node", 0),
        cpus_per_task=requested(request, "cpus_per_task", 1),
    )
    return key(spec, resources, str(request.options.get("gpu_type", "")))


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Runs of which several share a job. places: of a job; auto: whether a measurement says how many of them are used.

    measured: None as long as nothing was measured, and where auto is false.
    """

    runs: list[str]
    places: int
    auto: bool = False
    measured: Packing | None = None

    def words(self) -> str:
        """Such as `8 runs share jobs: 2 at a time on cpu: gains x1.80, x1.02; one more does not pay`."""
        runs = f"{quantity(len(self.runs), 'run')} {plural(len(self.runs), 'shares', 'share')} jobs"
        if self.measured is not None:
            return f"{runs}: {self.measured.words()}"
        return f"{runs}, up to {self.places} at a time" + ("; the best number is not measured yet" if self.auto else "")


def sharing(workspace: Workspace, attempts: Iterable[tuple[str, int, int]]) -> list[Sharing]:
    """The runs of these attempts, each with its number and the places of its job, by what is known about them.

    Attempts that cannot be read are left out, as their states say so.
    """
    found: dict[tuple[int, bool, str], Sharing] = {}
    for run, number, places in attempts:
        folder = workspace.run(run)
        with contextlib.suppress(RecordError, OSError):
            request = requests.read(folder.attempt(number))
            if request is None:
                continue
            measured = of_attempt(workspace, folder.read_spec(), request)
            item = Sharing(
                runs=[], places=places, auto=request.options.get("runs_per_gpu") == "auto", measured=measured
            )
            found.setdefault((places, item.auto, repr(measured)), item).runs.append(run)
    return list(found.values())


def read(workspace: Workspace, name: str) -> Packing | None:
    """What was measured; None if nothing was, or if the record is damaged: then it is measured again."""
    with contextlib.suppress(RecordError, OSError):
        found = Packing.read(workspace.packing(name))
        return found if found is not None and 1 <= found.number <= MOST and found.asked >= 1 else None
    return None


def write(workspace: Workspace, name: str, record: Packing) -> None:
    """Replace what was measured before. Raises OSError."""
    workspace.packing_folder.mkdir(parents=True, exist_ok=True)
    write_atomic(workspace.packing(name), record.encode())


def room(workspace: Workspace, specs: Iterable[RunSpec], resources: Resources, gpu_type: str = "") -> int:
    """For how many of these runs a job asks for room."""
    names = {key(spec, resources, gpu_type) for spec in specs}
    found = [read(workspace, name) for name in names]
    return min((record.next_room if record is not None else FIRST for record in found), default=FIRST)
