"""Decides how many replicas of a step share a forward: as many as fit, where that gives what separate forwards give.

The networks and modules of attnctl and torchvision treat each image alone, but for the parts that
`attnctl.jobs.training.joint_forward` knows; tests hold this. Other code is tried: in float64, on the first images, a
joint forward must give the losses, gradients and buffers of separate ones, and draw no random numbers of its own.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from attnctl import recipe_parts, units
from attnctl.jobs.tasks.task import Arithmetic, JointTask
from attnctl.jobs.training.joint_forward import JointForward
from attnctl.jobs.training.joint_memory import CPU_MEMORY, GPU_SHARE
from attnctl.jobs.training.replicas import RunningStatistics, seed_forward
from attnctl.networks import surgery
from attnctl.spec import RunSpec

_IMAGES = 8
"""Images of each replica on which other code is tried."""
_CLOSE = 1e-9
"""Largest difference in float64, relative to the largest value of a tensor; coupled samples differ by far more."""

_KNOWN = (
    "attnctl.",
    "torch.nn.modules.activation.",
    "torch.nn.modules.batchnorm.",
    "torch.nn.modules.channelshuffle.",
    "torch.nn.modules.container.",
    "torch.nn.modules.conv.",
    "torch.nn.modules.dropout.",
    "torch.nn.modules.flatten.",
    "torch.nn.modules.instancenorm.",
    "torch.nn.modules.linear.",
    "torch.nn.modules.normalization.",
    "torch.nn.modules.padding.",
    "torch.nn.modules.pooling.",
    "torch.nn.modules.upsampling.",
    "torchvision.models._utils.",
    "torchvision.models.convnext.",
    "torchvision.models.densenet.",
    "torchvision.models.efficientnet.",
    "torchvision.models.mobilenetv2.",
    "torchvision.models.mobilenetv3.",
    "torchvision.models.regnet.",
    "torchvision.models.resnet.",
    "torchvision.models.segmentation.",
    "torchvision.models.shufflenetv2.",
    "torchvision.models.vgg.",
    "torchvision.ops.misc.",
    "torchvision.ops.stochastic_depth.",
)
_DRAWING = (nn.MultiheadAttention, nn.RReLU, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)
"""Modules of torch that draw random numbers otherwise than its dropout."""

Batch = tuple[Tensor, Tensor]


class Together(NamedTuple):
    """How many replicas share a forward: `size`. reason: why not all that could, empty if they do."""

    size: int
    reason: str = ""


def together(
    spec: RunSpec,
    network: nn.Module,
    batches: Sequence[Batch],
    make_task: Callable[[Arithmetic], JointTask],
    arithmetic: Arithmetic,
    replicas: int,
) -> Together:
    """How many of a process's `replicas` share a forward. batches: those of its first two; network: not changed."""
    task = make_task(arithmetic)
    if spec.recipe.compile:
        return Together(1, "the network is compiled")
    try:
        trial = copy.deepcopy(network)
        images = [tuple(part[:_IMAGES].clone() for part in batch) for batch in batches[:2]]
        kept = _kept_bytes(trial, task, tuple(part[:2].clone() for part in batches[0])) / min(2, len(batches[0][0]))
        known = all(is_known(module) for module in network.modules()) and "loss" not in recipe_parts.read_code(
            spec.versions.recipe
        )
        fault = "" if known else difference(trial, images, make_task)
    except Exception as error:  # users' code can raise anything: their training then raises it in a forward of its own
        return Together(1, f"trying it failed: {type(error).__name__}: {error}"[:300])
    if fault:
        return Together(1, fault)
    allowed = allowed_bytes(batches[0][0].device)
    count = min(replicas, max(1, int(allowed // max(1, kept * spec.recipe.norm_batch))))
    if count < replicas:
        needed = units.size(kept * spec.recipe.norm_batch * replicas)
        return Together(
            count, f"all would keep {needed} in memory for the backward pass, more than {units.size(allowed)}"
        )
    return Together(count)


def allowed_bytes(device: torch.device) -> int:
    """How much a joint forward may keep for its backward pass."""
    if device.type != "cuda":
        return CPU_MEMORY
    return int(torch.cuda.get_device_properties(device).total_memory * GPU_SHARE)


def is_known(module: nn.Module) -> bool:
    """Whether a module is of code that treats each image alone, but for norms and dropout."""
    return f"{type(module).__module__}.".startswith(_KNOWN) and not isinstance(module, _DRAWING)


def _kept_bytes(network: nn.Module, task: JointTask, batch: Any) -> int:
    """What a forward of this batch keeps for its backward pass."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = task.loss(network, batch, torch.zeros(task.columns, dtype=torch.float64, device=batch[0].device))
    del loss
    return sum(kept.values())


def difference(network: nn.Module, batches: Sequence[Any], make_task: Callable[[Arithmetic], JointTask]) -> str:
    """How a joint forward of two replicas differs from separate ones; empty if it does not.

    batches: one of each replica. network: changed.
    """
    device = batches[0][0].device
    exact = Arithmetic(torch.float64, torch.contiguous_format, torch.autocast(device.type, enabled=False))
    alone, joint = network.double().train(), copy.deepcopy(network)
    notes = _notes(alone)
    expected = _Results.of(alone, _separate(alone, make_task(exact), batches))
    if _notes(alone) != notes:
        return "the network keeps numbers from forward to forward"
    losses, drew = _joint(joint, make_task(exact), batches)
    if drew:
        return "the network or its loss draws random numbers"
    return _Results.of(joint, losses).differs_from(expected)


def _separate(network: nn.Module, task: JointTask, batches: Sequence[Any]) -> Tensor:
    """The losses of separate forwards, after their backward passes."""
    statistics, losses = RunningStatistics(network), []
    for replica, batch in enumerate(batches):
        seed_forward(0, 0, replica)
        statistics.track(replica == 0)
        row = torch.zeros(task.columns, dtype=torch.float64, device=batch[0].device)
        loss = task.loss(network, batch, row)
        torch.autograd.backward(_with_penalty(network, loss, 1))
        losses.append(loss.detach())
    statistics.track(True)
    return torch.stack(losses)


def _joint(network: nn.Module, task: JointTask, batches: Sequence[Any]) -> tuple[Tensor, bool]:
    """The losses of a joint forward, after its backward pass; and whether it drew random numbers by itself."""
    device, count = batches[0][0].device, len(batches)
    rows = torch.zeros(count, task.columns, dtype=torch.float64, device=device)
    batch = tuple(torch.cat(parts) for parts in zip(*batches, strict=True))
    forward = JointForward(network, device)
    with forward.of(range(count), lambda replica: seed_forward(0, 0, replica)):
        before = _generators(device)
        losses = task.losses(network, batch, rows)
        torch.autograd.backward(_with_penalty(network, losses.sum(), count))
        drew = _generators(device) != before
    return losses.detach(), drew


def _with_penalty(network: nn.Module, loss: Tensor, count: int) -> Tensor:
    penalty = surgery.extra_loss(network)
    return loss if penalty is None else loss + count * penalty


def _generators(device: torch.device) -> tuple[object, ...]:
    """The states of all generators that code could draw from."""
    gpu = torch.cuda.get_rng_state(device).tolist() if device.type == "cuda" else None
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist(), gpu


def _notes(network: nn.Module) -> list[tuple[str, object]]:
    """The plain attributes of all modules."""
    return [
        (name, value)
        for module in network.modules()
        for name, value in vars(module).items()
        if isinstance(value, bool | int | float | str)
    ]


class _Results(NamedTuple):
    """What a step leaves: losses (V,), gradients and buffers by name."""

    losses: Tensor
    gradients: dict[str, Tensor]
    buffers: dict[str, Tensor]

    @classmethod
    def of(cls, network: nn.Module, losses: Tensor) -> _Results:
        named = network.named_parameters()
        gradients = {name: parameter.grad for name, parameter in named if parameter.grad is not None}
        return cls(losses, gradients, dict(network.named_buffers()))

    def differs_from(self, expected: _Results) -> str:
        """In what it differs; empty if it does not."""
        if not _close(self.losses, expected.losses):
            return "the samples of a batch depend on each other: the losses would differ"
        for kind, mine, theirs in (
            ("gradient", self.gradients, expected.gradients),
            ("buffer", self.buffers, expected.buffers),
        ):
            if mine.keys() != theirs.keys():
                return f"other parameters would have a {kind}"
            for name, value in mine.items():
                if not _close(value, theirs[name]):
                    return f"the samples of a batch depend on each other: the {kind} of {name} would differ"
        return ""


def _close(value: Tensor, expected: Tensor) -> bool:
    if value.shape != expected.shape:
        return False
    value, expected = value.double(), expected.double()
    scale = max(1.0, expected.abs().max().item()) if expected.numel() else 1.0
    return torch.allclose(value, expected, rtol=0.0, atol=_CLOSE * scale, equal_nan=True)
