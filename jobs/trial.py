"""A short trial of a run for `attnctl try`, in the process that `attnctl.sources.isolated` starts.

It uses the run's real network, data, training loop and checkpoints. All its files are in the folder of the request, and
none of them counts as a result.

The first training takes ten steps, saves, evaluates, and continues for two steps. The second one resumes from that
checkpoint and continues to step 20. Comparing their weights at step 12 shows whether resuming changes the run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import resource
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attnctl import own_data
from attnctl.jobs.data import TrainingData, open_data
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training import environment, initial
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.failure import Diverged
from attnctl.jobs.training.loop import train
from attnctl.jobs.training.optim import total_steps
from attnctl.jobs.training.session import build
from attnctl.networks import surgery
from attnctl.networks.weights.match import Plain
from attnctl.settings import config
from attnctl.sources import isolated, remember
from attnctl.spec import RunSpec, Start
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Event, Resources, read_events

STEPS = 20
"""Training steps of a trial; the checkpoint that it resumes from is in the middle."""

_HALF, _COMPARED = STEPS // 2, STEPS // 2 + 2
_WARM_UP = 3
"""First steps of a training that are not timed: caches fill, and kernels are selected and compiled."""
_EVALUATED = 4
"""Batches of an evaluation."""
_REPORTED = ("loss", "top1", "ap", "mask_ap", "map", "miou")
"""Metrics of the evaluation that are reported if the task has them."""


class _Stop(Exception):  # noqa: N818 - it is not an error
    """Ends the first training at the step that is compared."""


@dataclass
class _ShortData:
    """The run's data with fewer steps per epoch and fewer batches per evaluation.

    before: called with the number of each step. seconds, images: totals over all evaluations.
    """

    data: TrainingData
    before: Callable[[int], None]
    steps_per_epoch: int = _HALF
    evaluation_size: int = 0
    seconds: float = 0.0
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
class _Monitor:
    """Measures a training at the start of its steps: their durations, and the weights before step `_COMPARED`."""

    network: nn.Module
    device: torch.device
    stop: int
    durations: list[float] = field(default_factory=list)
    weights: str = ""
    _previous: float = 0.0
    _count: int = 0

    def __call__(self, step: int) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.monotonic()
        if self._count > _WARM_UP and step != _HALF:  # the interval before step _HALF includes the evaluation
            self.durations.append(now - self._previous)
        if step == _COMPARED:
            self.weights = _digest(self.network)
        if step == self.stop:
            raise _Stop
        self._count += 1
        self._previous = time.monotonic()


def answer(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Try the run of the request, with the [data] settings of its workspace."""
    roots = config.find(Path(request["workspace"]), Path.cwd(), os.environ).data
    resources = untrusted_json.decode(Resources, request["resources"])
    spec = RunSpec.from_json(request["spec"])
    if folder_of_data := request.get("own_data"):  # a trial records nothing in the workspace
        roots = dataclasses.replace(roots, folders={own_data.stem(spec.dataset): Path(folder_of_data)})
    try:
        return attempt(spec, folder, roots, resources, partial(_start, spec, request, folder) if spec.init else None)
    except Diverged as error:
        raise SpecError(str(error)) from error


def _start(spec: RunSpec, request: dict[str, Any], folder: Path, network: nn.Module) -> None:
    """Load the weights that the run starts from: those of a run, or of the file that the request names."""
    start = Start.of(spec.init)
    workspace = Workspace(Path(request["workspace"]) if start.run else folder)
    link = workspace.weights(start.file)
    if start.file and not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(request["weights"])
    initial.load(network, spec.init, workspace, partial(Plain.of_run, spec, folder / isolated.SOURCES))


def attempt(
    spec: RunSpec,
    folder: Path,
    roots: config.DataRoots,
    resources: Resources,
    start: Callable[[nn.Module], None] | None = None,
) -> dict[str, Any]:
    """Run the trial in a folder that contains the kept sources; returns the answer. Raises what training raises.

    start: loads the weights that the run starts from into its network.
    """
    device = environment.choose_device(resources, 0)
    torch.set_num_threads(max(1, min(resources.cpus_per_task, len(os.sched_getaffinity(0)))))
    small = dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, epochs=2, steps=0, eval_interval=1))
    remember(folder / isolated.SOURCES, spec.code_versions)
    data = open_data(spec, roots, device, max(0, resources.cpus_per_task - 1))
    try:
        first, second = (_train(small, data, folder, device, start, number=number) for number in (1, 2))
        return _answer(spec, small, data, folder, first, second)
    finally:
        data.close()


def _train(
    spec: RunSpec,
    data: TrainingData,
    folder: Path,
    device: torch.device,
    start: Callable[[nn.Module], None] | None,
    number: int,
) -> tuple[_Monitor, _ShortData]:
    """Run the first training, which stops two steps after its checkpoint, or the second, which resumes from it."""
    network = build(spec, device, folder / isolated.SOURCES)
    if start is not None:
        start(network)
    monitor = _Monitor(network, device, stop=_COMPARED if number == 1 else STEPS)
    short = _ShortData(data, monitor)
    run = Workspace(folder).run(spec.id)
    events = EventLog(folder / f"events.{number}.jsonl")
    context = TrainingContext(run=run, token=(number, 0))
    try:
        train(spec, short, network, Group(0, 1, device), context, events)
    except _Stop:
        pass  # the intended end of the first training
    finally:
        events.close()
    return monitor, short


def _answer(
    spec: RunSpec,
    small: RunSpec,
    data: TrainingData,
    folder: Path,
    first: tuple[_Monitor, _ShortData],
    second: tuple[_Monitor, _ShortData],
) -> dict[str, Any]:
    monitor, evaluated = second
    step = statistics.median([*first[0].durations, *monitor.durations])
    events = [event for number in (1, 2) for event in read_events((folder / f"events.{number}.jsonl").read_bytes())]
    metrics = [event["values"] for event in events if event["kind"] == Event.METRICS]
    checkpoints = [event for event in events if event["kind"] == Event.CHECKPOINT]
    resumed = [event["step"] for event in events if event["kind"] == Event.RESUMED]
    if resumed != [_HALF]:
        raise SpecError(
            f"the run did not resume from its checkpoint at step {_HALF}; resumed from: {resumed or 'none'}"
        )
    parameters, macs = surgery.complexity(monitor.network, surgery.input_shape(spec))
    per_image = (first[1].seconds + evaluated.seconds) / max(1, first[1].images + evaluated.images)
    evaluation = per_image * data.evaluation_size / spec.recipe.eval_interval
    epoch = step * data.steps_per_epoch + evaluation + checkpoints[0]["seconds"]
    cuda = monitor.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(monitor.device) if cuda else "cpu",
        "host": socket.gethostname(),
        "threads": torch.get_num_threads(),
        "parameters": parameters,
        "macs": macs,
        "steps": STEPS,
        "train_loss": [values["train_loss"] for values in (metrics[0], metrics[-1])],
        **{name: metrics[-1][name] for name in _REPORTED if name in metrics[-1]},
        "images_per_s": small.recipe.batch / step,
        "evaluation_images_per_s": 1 / per_image if per_image else None,
        "peak_bytes": torch.cuda.max_memory_allocated(monitor.device) if cuda else _max_memory(),
        "checkpoint_bytes": checkpoints[0]["bytes"],
        "resumed_alike": first[0].weights == monitor.weights,
        "hours": total_steps(spec.recipe, data.steps_per_epoch) / data.steps_per_epoch * epoch / 3600,
    }


def _max_memory() -> int:
    """The peak memory of this process in bytes; getrusage(2) gives kilobytes on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _digest(network: nn.Module) -> str:
    state = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        state.update(name.encode())
        state.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


if __name__ == "__main__":
    isolated.serve(answer)
