"""A run in small, as `attnctl try` asks for it: the process that `attnctl.sources.isolated` starts.

Real parts throughout: the run's network, data and training loop, its checkpoints. All files are in the folder of the
request: nothing of it is a result.

It trains ten steps, saves and evaluates, and goes on; then a second training resumes from that checkpoint to step 20.
Both have passed a later step: there their weights tell whether a resumed run is the same run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attnctl.jobs.data import TrainingData, open_data
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training import environment
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.failure import Diverged
from attnctl.jobs.training.loop import train
from attnctl.jobs.training.optim import total_steps
from attnctl.jobs.training.session import build
from attnctl.networks import surgery
from attnctl.settings import config
from attnctl.sources import isolated
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Event, Resources, read_events

STEPS = 20
"""Steps of a trial; the checkpoint that it resumes from is in the middle."""

_HALF, _COMPARED = STEPS // 2, STEPS // 2 + 2
_WARM = 3
"""Steps at a training's begin that do not count for its speed: caches fill, kernels are chosen and compiled."""
_EVALUATED = 4
"""Batches of an evaluation."""
_TOLD = ("loss", "top1", "ap", "mask_ap", "map", "miou")
"""Metrics of the evaluation that are told, where the task has them."""


class _Cut(Exception):  # noqa: N818 - it is no error
    """Ends the first training where the second one is to pass."""


@dataclass
class _Short:
    """The run's data, with an epoch of few steps and an evaluation of few batches. before: told each step's number."""

    data: TrainingData
    before: Callable[[int], None]
    steps_per_epoch: int = _HALF
    evaluation_size: int = 0
    seconds: float = 0.0
    """That evaluating took, over all evaluations; and their images."""
    images: int = 0

    @property
    def categories(self) -> tuple[int, ...]:
        """See `attnctl.jobs.data.TrainingData`."""
        return self.data.categories

    def train(self, start: int, replicas: range, steps: int) -> Iterator[Any]:
        """See `attnctl.jobs.data.TrainingData`."""
        for number, batch in enumerate(self.data.train(start, replicas, steps)):
            if number % len(replicas) == 0:
                self.before(start + number // len(replicas))
            yield batch

    def evaluate(self, rank: int, world: int) -> Iterator[Any]:
        """See `attnctl.jobs.data.TrainingData`."""
        began, self.evaluation_size = time.monotonic(), 0
        for batch in itertools.islice(self.data.evaluate(rank, world), _EVALUATED):
            _, targets = batch
            self.evaluation_size += len(targets)
            yield batch
        self.seconds += time.monotonic() - began
        self.images += self.evaluation_size

    def close(self) -> None:
        """See `attnctl.jobs.data.TrainingData`."""
        self.data.close()


@dataclass
class _Watch:
    """What is seen of a training from its steps: how long they take, and the weights before a certain one."""

    network: nn.Module
    device: torch.device
    cut: int
    durations: list[float] = field(default_factory=list)
    weights: str = ""
    _last: tuple[int, float] = (-1, 0.0)
    _seen: int = 0

    def __call__(self, step: int) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.monotonic()
        if self._seen > _WARM and step != _HALF:  # at the half there was an evaluation too
            self.durations.append(now - self._last[1])
        if step == _COMPARED:
            self.weights = _digest(self.network)
        if step == self.cut:
            raise _Cut
        self._seen += 1
        self._last = (step, time.monotonic())


def answer(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Try the run of the request, with the settings of its workspace for the data."""
    roots = config.find(Path(request["workspace"]), Path.cwd(), os.environ).data
    resources = untrusted_json.decode(Resources, request["resources"])
    try:
        return attempt(RunSpec.from_json(request["spec"]), folder, roots, resources)
    except Diverged as error:
        raise SpecError(str(error)) from error


def attempt(spec: RunSpec, folder: Path, roots: config.DataRoots, resources: Resources) -> dict[str, Any]:
    """Train in small, in a folder that holds the sources kept; gives what was found. Raises what training raises."""
    device = environment.choose_device(resources, 0)
    torch.set_num_threads(max(1, min(resources.cpus_per_task, len(os.sched_getaffinity(0)))))
    small = dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, epochs=2, steps=0, eval_interval=1))
    data = open_data(spec, roots, device, max(0, resources.cpus_per_task - 1))
    try:
        first = _train(small, data, folder, device, number=1)
        second = _train(small, data, folder, device, number=2)
        return _answer(spec, small, data, folder, first, second)
    finally:
        data.close()


def _train(spec: RunSpec, data: TrainingData, folder: Path, device: torch.device, number: int) -> tuple[_Watch, _Short]:
    """The first training, cut a little after its checkpoint, or the second, which resumes from that."""
    network = build(spec, device, folder / isolated.SOURCES)
    watch = _Watch(network, device, cut=_COMPARED if number == 1 else STEPS)
    short = _Short(data, watch)
    run = Workspace(folder).run(spec.id)
    events = EventLog(folder / f"events.{number}.jsonl")
    context = TrainingContext(run=run, token=(number, 0))
    try:
        train(spec, short, network, Group(0, 1, device), context, events)
    except _Cut:
        pass  # where the first training was to end
    finally:
        events.close()
    return watch, short


def _answer(
    spec: RunSpec,
    small: RunSpec,
    data: TrainingData,
    folder: Path,
    first: tuple[_Watch, _Short],
    second: tuple[_Watch, _Short],
) -> dict[str, Any]:
    watch, evaluated = second
    step = statistics.median([*first[0].durations, *watch.durations])
    events = [event for number in (1, 2) for event in read_events((folder / f"events.{number}.jsonl").read_bytes())]
    metrics = [event["values"] for event in events if event["kind"] == Event.METRICS]
    checkpoints = [event for event in events if event["kind"] == Event.CHECKPOINT]
    resumed = [event["step"] for event in events if event["kind"] == Event.RESUMED]
    if resumed != [_HALF]:
        raise SpecError(f"the run did not go on from its checkpoint at step {_HALF}: {resumed or 'from none'}")
    parameters, macs = surgery.complexity(watch.network, surgery.input_shape(spec))
    per_image = (first[1].seconds + evaluated.seconds) / max(1, first[1].images + evaluated.images)
    evaluation = per_image * data.evaluation_size / spec.recipe.eval_interval
    epoch = step * data.steps_per_epoch + evaluation + checkpoints[0]["seconds"]
    cuda = watch.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(watch.device) if cuda else "cpu",
        "parameters": parameters,
        "macs": macs,
        "steps": STEPS,
        "train_loss": [values["train_loss"] for values in (metrics[0], metrics[-1])],
        **{name: metrics[-1][name] for name in _TOLD if name in metrics[-1]},
        "images_per_s": small.recipe.batch / step,
        "evaluation_images_per_s": 1 / per_image if per_image else None,
        "peak_bytes": torch.cuda.max_memory_allocated(watch.device) if cuda else _resident(),
        "checkpoint_bytes": checkpoints[0]["bytes"],
        "resumed_alike": first[0].weights == watch.weights,
        "hours": total_steps(spec.recipe, data.steps_per_epoch) / data.steps_per_epoch * epoch / 3600,
    }


def _resident() -> int:
    """The largest memory of this process so far, in bytes (getrusage(2): Linux counts in kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _digest(network: nn.Module) -> str:
    state = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        state.update(name.encode())
        state.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


if __name__ == "__main__":
    isolated.serve(answer)
