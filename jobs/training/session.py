"""One rank's training from start to end: device, group, data and network, then the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from attnctl import backbones, models, sources
from attnctl.jobs.data import TrainingData, check_files_remain, open_data
from attnctl.jobs.data.seeding import derive
from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.runtime.rendezvous import meet
from attnctl.jobs.training import allocator, drop_path, environment, initial
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.loop import train
from attnctl.jobs.training.optim import total_steps
from attnctl.jobs.training.replicas import seed_other_generators
from attnctl.networks import surgery
from attnctl.networks.weights.match import Plain
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.layout import Incarnation, Workspace
from attnctl.workspace.records import Event, Resources

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The work of a worker process. workspace: contains users' source files and initial weights.

    launched: called while the ranks meet; raises LaunchError for a rank that srun could not launch.
    """

    context: TrainingContext
    incarnation: Incarnation
    worker: Worker
    resources: Resources
    roots: DataRoots
    workspace: Workspace
    launched: Callable[[], None] = lambda: None


def perform(assignment: Assignment) -> str:
    """Train the run; returns the outcome. Raises what `train` and `meet` raise, and SpecError."""
    context, worker, incarnation = assignment.context, assignment.worker, assignment.incarnation
    spec = context.run.read_spec()
    spec.recipe.check_world(worker.world)
    device = environment.choose_device(assignment.resources, worker.local_rank)

    def check() -> None:
        context.signals.check()
        assignment.launched()

    store = meet(worker, incarnation, check, now=context.clock.now)
    group = Group(worker.rank, worker.world, device, store)
    threads = group.broadcast(environment.first_threads(context.run, assignment.resources))
    torch.set_num_threads(threads)
    # It benchmarks algorithms for each new input size, which detectors and segmenters have too many of.
    torch.backends.cudnn.benchmark = models.task(spec.model) == "classify"
    if device.type == "cpu" and models.task(spec.model) == "classify":  # elsewhere batches differ in size
        allocator.keep_freed_memory()
    log.info(
        "rank %d of %d on %s (%s), %s", worker.rank, worker.world, worker.node, device, quantity(threads, "thread")
    )
    events = None
    if group.first:
        check = context.signals.check
        disk_full.retry_while_disk_full(
            lambda: environment.record(incarnation, worker, device, threads, assignment.workspace), check
        )
        events = disk_full.retry_while_disk_full(lambda: EventLog(incarnation.events), check)
    sources.remember(assignment.workspace.sources, spec.code_versions)
    environment.watch(context.position.usage, device, first=worker.local_rank == 0)
    workers = max(0, assignment.resources.cpus_per_task - 1)
    data = open_data(spec, assignment.roots, device, workers)
    try:
        network = build(spec, device, assignment.workspace.sources)
        if spec.init:
            _initialise(network, spec, assignment.workspace, events)
        if events is not None:
            _describe(events, spec, data, network, worker.world, threads)
        outcome = train(spec, data, network, group, context, events)
    except (OSError, RuntimeError, SpecError):
        check_files_remain(spec, assignment.roots)
        raise
    finally:
        data.close()
    context.position.usage.finish()
    if events is not None:
        events.write(Event.END, outcome=outcome)
        events.close()
    group.close()
    return outcome


def build(spec: RunSpec, device: torch.device, sources: Path | None = None) -> nn.Module:
    """The run's network, initialised from its seed. Drawn on the CPU, so that it is the same on every device.

    sources: the workspace's folder of users' source files.
    """
    number = derive(spec.seed, "weights")
    torch.manual_seed(number)
    seed_other_generators(number)
    network = surgery.build(spec, sources).to(device)
    if spec.recipe.drop_path:
        backbone = backbones.of_run(spec.backbone, spec.versions.backbone, sources)
        drop_path.attach(network, backbones.residual_ends(backbone), spec.recipe.drop_path)
    return network


def _initialise(network: nn.Module, spec: RunSpec, workspace: Workspace, events: EventLog | None) -> None:
    loaded = initial.load(network, spec.init, workspace, partial(Plain.of_run, spec, workspace.sources))
    log.info("started from %s: %d tensors loaded", spec.init, loaded.loaded)
    for fate, names in (
        ("missing in it, newly initialised", loaded.missing),
        ("of a different shape, newly initialised", loaded.reshaped),
        ("not used by this network", loaded.unexpected),
    ):
        if names:
            log.info("%s: %s", fate, ", ".join(names))
    if events is not None:
        events.write(Event.INITIALISED, source=spec.init, **vars(loaded))


def _describe(
    events: EventLog, spec: RunSpec, data: TrainingData, network: nn.Module, world: int, threads: int
) -> None:
    parameters, macs = surgery.complexity(network, surgery.input_shape(spec))
    events.write(
        Event.MODEL,
        params=parameters,
        macs=macs,
        steps_per_epoch=data.steps_per_epoch,
        steps=total_steps(spec.recipe, data.steps_per_epoch),
        world=world,
        device=_device_name(network),
        threads=threads,
    )


def _device_name(network: nn.Module) -> str:
    device = next(network.parameters()).device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
