"""Training steps by attnctl's own learner, on random tensors that stay on the device."""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from attnctl import datasets
from attnctl.grid import Axes, expand
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.jobs.training.learner import Learner
from attnctl.jobs.training.replicas import seed_forward, share
from attnctl.networks import surgery
from attnctl.spec import RunSpec
from on_gpu.parts import Context, Item, Part
from on_gpu.rows import PLAIN, Row
from on_gpu.timing import median_and_spread, repeated, seconds

DATASETS = {"resnet20": "cifar10", "resnet50": "imagenet"}
"""Each network, and the data set whose classes and image size it is trained with."""

MODULES = (PLAIN, "ela", "ean", "se")

MODES: Mapping[str, Mapping[str, Any]] = {
    "fp32": {},
    "amp": {"precision": "bf16"},
    "amp, channels-last": {"precision": "bf16", "channels_last": True},
}
PLAIN_MODES: Mapping[str, Mapping[str, Any]] = {
    "fp16, channels-last": {"precision": "fp16", "channels_last": True},
    "amp, channels-last, forwards of 32": {"precision": "bf16", "channels_last": True},
    "amp, channels-last, forwards of 32 joined": {"precision": "bf16", "channels_last": True},
}
COMPILED: Mapping[str, Mapping[str, Any]] = {
    "amp, channels-last, compiled": {"precision": "bf16", "channels_last": True, "compile": True},
}
FIELDS = {**MODES, **PLAIN_MODES, **COMPILED}
"""The recipe's fields of each mode. Forwards of 32 are the published recipe's: eight of them make its batch of 256.
Joined, they are one forward whose batch norms see 32 images each, as attnctl trains where that fits into memory."""

PAIR_MODE = "amp, channels-last"

WARM_UP = 4
"""Steps before the first repetition; cuDNN has chosen its algorithms and DDP its buckets by then."""


def parts(gpus: int, memory: int, *, quick: bool) -> list[Part]:
    """Training on one GPU in all modes but the compiled one. gpus: 0 for the CPU. memory: bytes of a GPU."""
    networks = {"resnet20": MODULES, "resnet50": _first(MODULES, quick)}
    modes = [PAIR_MODE] if quick else list(MODES)
    items: list[Item] = []
    for network, modules in networks.items():
        items += [_item("training", network, module, mode, memory, quick) for mode in modes for module in modules]
        items += [_item("training", network, PLAIN, mode, memory) for mode in PLAIN_MODES if not quick]
    return [Part(items=items), _pair(gpus, memory, quick=quick)]


def compiled_parts(memory: int) -> list[Part]:
    """Training with torch.compile, which takes longest: each network with its first modules, then with the others."""
    order = [(network, module) for some in (MODULES[:2], MODULES[2:]) for network in DATASETS for module in some]
    items = [_item("compiled", network, module, mode, memory) for mode in COMPILED for network, module in order]
    return [Part(items=items)]


def _pair(gpus: int, memory: int, *, quick: bool) -> Part:
    """Two processes, one GPU each, with gradients averaged over NCCL; over gloo on the CPU."""
    networks = ("resnet20",) if quick else ("resnet50", "resnet20")
    items = [
        _item("two processes", network, module, PAIR_MODE, memory, quick)
        for network in networks
        for module in _first((PLAIN, "ela"), quick)
    ]
    return Part(items=items, processes=2, missing="it needs two GPUs and there is one" if gpus == 1 else "")


def _first(modules: Sequence[str], quick: bool) -> Sequence[str]:
    return modules[:1] if quick else modules


def _item(part: str, network: str, module: str, mode: str, memory: int, quick: bool = False) -> Item:
    """seconds: a generous guess for a GPU; from the second of a kind on, what the slowest took."""
    batch = _batch(network, memory, quick=quick)
    return Item(
        empty=[Row(part=part, network=network, module=module, mode=mode, batch=batch)],
        work=measure,
        kind=f"{part} {network} {mode}",
        seconds={"training": 12.0, "two processes": 15.0, "compiled": 75.0 if network == "resnet50" else 45.0}[part],
    )


def _batch(network: str, memory: int, *, quick: bool) -> int:
    """Images per step; ResNet-50 with attention in fp32 takes about 0.15 GB an image."""
    if quick:
        return {"resnet20": 4, "resnet50": 2}[network]
    if network == "resnet20":
        return 128
    fits = 16
    while fits < 256 and 2 * fits * 0.15e9 < memory:
        fits *= 2
    return fits


# ------------------------------------------------------------------------------------------------------------ measuring


class Steps:
    """Optimizer steps of one rank on one batch, as attnctl's loop makes them."""

    def __init__(self, spec: RunSpec, device: torch.device, group: Group, side: int, *, joined: bool = False) -> None:
        recipe, dataset = spec.recipe, datasets.describe(spec.dataset)
        arithmetic = Arithmetic.of(recipe, device)
        self.spec, self.recipe, self.task = spec, recipe, Classify(recipe, arithmetic)
        torch.manual_seed(spec.seed)
        self.learner = Learner(recipe, self.task, surgery.build(spec).to(device), group, arithmetic)
        self.replicas = share(recipe, group.rank, group.world)
        together = len(self.replicas) if joined else 1
        self.parts = [self.replicas[start : start + together] for start in range(0, len(self.replicas), together)]
        self.sums = torch.zeros(recipe.replicas, self.task.columns, dtype=torch.float64, device=device)
        self.images = torch.randn(recipe.norm_batch, 3, side, side, device=device)
        self.labels = torch.randint(0, dataset.classes, (recipe.norm_batch,), device=device)
        self.done = 0

    def run(self, steps: int) -> None:
        """So many steps."""
        for _ in range(steps):
            self.learner.set_rate(1e-3)
            seed = partial(seed_forward, self.spec.seed, self.done)
            for replicas in self.parts:
                batches = [(self.images, self.labels)] * len(replicas)
                self.learner.backward(batches, self.sums, replicas, self.replicas, seed)
            self.learner.update(self.done)
            self.done += 1

    def check(self, group: Group) -> None:
        """Raise ArithmeticError unless the losses are finite and all ranks have the same weights."""
        if not bool(self.sums.isfinite().all()):
            raise ArithmeticError("the loss is not finite")
        weights = torch.stack([parameter.detach().double().sum() for parameter in self.learner.network.parameters()])
        if len({tuple(found) for found in group.gather(weights.tolist())}) > 1:
            raise ArithmeticError("the ranks' weights differ")


def make_spec(row: Row, processes: int) -> RunSpec:
    """The run of a row: the module at its default placement, and the recipe of the mode."""
    axes = Axes(modules=(row.module,), backbones=(row.network,), datasets=(DATASETS[row.network],))
    (spec,) = expand(axes).specs
    forward = min(32, row.batch) if "forwards of 32" in row.mode else row.batch
    fields = {**FIELDS[row.mode], "batch": row.batch * processes, "norm_batch": forward}
    return dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, **fields))


def measure(context: Context, empty: Sequence[Row]) -> list[Row]:
    """The one row of an item."""
    (row,) = empty
    device = context.place
    group = context.group or Group(0, 1, device)
    _forget(device)
    spec = make_spec(row, context.world)
    side = datasets.describe(spec.dataset).height if not context.quick else 32
    steps = Steps(spec, device, group, side, joined=row.mode.endswith("joined"))
    first = seconds(steps.run, 1, device)
    steps.run(1 if context.quick else WARM_UP)
    times = repeated(
        steps.run,
        device,
        repetitions=2 if context.quick else 5,
        at_least=0.0 if context.quick else 0.5,
        agree=group.broadcast,
    )
    steps.check(group)
    middle, spread = median_and_spread(times)
    peak = torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None
    return [
        dataclasses.replace(
            row,
            images_per_s=context.world * row.batch / middle,
            ms=1000 * middle,
            spread=spread,
            peak_mb=peak,
            first_s=first,
        )
    ]


def _forget(device: torch.device) -> None:
    """Give back the memory, and what was compiled, of the items before."""
    gc.collect()
    if "torch._dynamo" in sys.modules:  # importing it takes seconds
        torch.compiler.reset()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
