"""The trained state: network, optimizer, gradient scaler and averaged weights; and its steps and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attnctl.jobs.runtime.group import Group, gradient_sync
from attnctl.jobs.tasks.task import Arithmetic, JointTask, Task
from attnctl.jobs.training import norms
from attnctl.jobs.training.joint_forward import JointForward
from attnctl.jobs.training.optim import AveragedWeights, optimizer, set_rate
from attnctl.jobs.training.replicas import RunningStatistics
from attnctl.networks import surgery
from attnctl.spec import Recipe

_WARM_UP_PASSES = 3
"""DDP rearranges its buckets after the first backward pass; the others are for safety."""


_KNOWN = ("attnctl", "torch", "torchvision", "timm")


def has_other_code(network: nn.Module) -> bool:
    """Whether a part of the network is of code that may leave parameters unused in a forward: not of a library here."""
    return any(type(module).__module__.partition(".")[0] not in _KNOWN for module in network.modules())


class Learner:
    """A network in training on one rank. A step's gradient is the mean over the forwards of all replicas.

    code: the run's `Versions.recipe`.
    """

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
        network: nn.Module,
        group: Group,
        arithmetic: Arithmetic,
        code: str = "",
    ) -> None:
        self._recipe, self._task, self._group = recipe, task, group
        network = norms.prepare(network, recipe, group)
        self.network = network.to(group.device, arithmetic.dtype).to(memory_format=arithmetic.layout).train()
        self._statistics = RunningStatistics(self.network)
        self._averaged = AveragedWeights(self.network, recipe.ema_decay) if recipe.ema_decay else None
        self._joint = JointForward(self.network, group.device)
        self._penalised = any(callable(getattr(module, "extra_loss", None)) for module in network.modules())
        if recipe.compile:
            self.network.compile()
        self._may_skip = task.has_dynamic_graph or has_other_code(self.network)
        self._parallel = group.wrap(self.network, has_dynamic_graph=self._may_skip)
        self._optimizer = optimizer(recipe, self.network, code)
        self._scaler = torch.amp.GradScaler(group.device.type, enabled=recipe.precision == "fp16")

    def warm_up(self, batch: Any) -> None:
        """Make DDP arrange its buckets before the first step that counts; does not change the network.

        DDP rearranges them after its first backward pass, and the arrangement determines the order in which gradients
        are added. Without this, a resumed run differs in the last bit from an uninterrupted one.
        """
        state = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        row = torch.zeros(self._task.columns, dtype=torch.float64, device=self._group.device)
        for _ in range(_WARM_UP_PASSES):
            torch.autograd.backward(self._loss(batch, row))
            self._optimizer.zero_grad(set_to_none=True)
        self.network.load_state_dict(state)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next update."""
        set_rate(self._optimizer, rate)

    def set_no_aug(self, enabled: bool) -> None:
        """Whether the next step is in an epoch without mosaic and mixup, in which YOLOX adds an L1 loss."""
        if hasattr(self.network, "l1"):
            self.network.l1 = enabled  # type: ignore[assignment]

    def backward(
        self, batches: Sequence[Any], sums: Tensor, replicas: range, mine: range, seed: Callable[[int], None]
    ) -> None:
        """Forward and backward pass of `replicas`, in one forward if there are several.

        batches: of each. sums: (V, columns) of all replicas, of which theirs are increased. mine: the replicas of this
        rank. seed: seeds the generators for a replica.
        """
        with gradient_sync(self._parallel, replicas[-1] == mine[-1]):
            if len(replicas) == 1:
                (replica,), (batch,) = replicas, batches
                seed(replica)
                self._statistics.track(replica == 0)
                self._descend(self._loss(batch, sums[replica]), mine)
            else:
                self._statistics.track(True)
                with self._joint.of(replicas, seed):
                    self._descend(self._joint_loss(batches, sums[replicas.start : replicas.stop]), mine)

    def _descend(self, loss: Tensor, mine: range) -> None:
        torch.autograd.backward(self._scaler.scale(loss / len(mine)))

    def _joint_loss(self, batches: Sequence[Any], rows: Tensor) -> Tensor:
        """The sum of the losses of several replicas, with the penalty for each."""
        assert isinstance(self._task, JointTask)
        batch = tuple(torch.cat(parts) for parts in zip(*batches, strict=True))
        loss = self._task.losses(self._parallel, batch, rows).sum()
        penalty = surgery.extra_loss(self.network) if self._penalised else None
        return loss if penalty is None else loss + len(rows) * penalty

    def _loss(self, batch: Any, row: Tensor) -> Tensor:
        """The minimised loss. Every replica's includes the penalty; as the step takes their mean, it counts once."""
        loss = self._task.loss(self._parallel, batch, row)
        penalty = surgery.extra_loss(self.network) if self._penalised else None
        return loss if penalty is None else loss + penalty

    def update(self, step: int) -> None:
        """Update the weights with the gradients of step `step`."""
        if self._may_skip:
            self._complete_gradients()
        if self._recipe.clip_grad_norm:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.clip_grad_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        if self._averaged is not None:
            self._averaged.update(step)

    def _complete_gradients(self) -> None:
        """Set the missing gradients to zero, as those of a mask head in a step without objects, or of a layer that
        users' code does not use, or not always.

        Weight decay and momentum then apply as usual. Torch's fused SGD fails if a parameter has no gradient in its
        first step but gets one later.
        """
        for parameter in self.network.parameters():
            if parameter.requires_grad and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)

    def evaluated_network(self) -> nn.Module:
        """The network to evaluate: the averaged one if there is one."""
        self._statistics.track(True)
        return self._averaged.network if self._averaged is not None else self.network

    # ------------------------------------------------------------------------------------------------------------ state

    def share_buffers(self) -> None:
        """Copy the buffers of rank 0, which alone updates running statistics, to all ranks."""
        averaged = self._averaged.network.buffers() if self._averaged is not None else ()
        self._group.copy_from_first([*self.network.buffers(), *averaged])

    def state(self, *, complete: bool) -> dict[str, Any]:
        """The state for a checkpoint. complete: the training is, so what only more training needs is left out."""
        state: dict[str, Any] = {"network": self.network.state_dict()}
        if self._averaged is not None:
            state["averaged"] = self._averaged.network.state_dict()
        if not complete:
            state["optimizer"] = self._optimizer.state_dict()
            state["scaler"] = self._scaler.state_dict()
        return state

    def load(self, state: dict[str, Any]) -> bool:
        """Restore the state of a checkpoint; returns whether its training was complete."""
        self.network.load_state_dict(state["network"])
        if self._averaged is not None:
            self._averaged.network.load_state_dict(state["averaged"])
        complete = "optimizer" not in state
        if not complete:
            self._optimizer.load_state_dict(state["optimizer"])
            self._scaler.load_state_dict(state["scaler"])
        return complete
