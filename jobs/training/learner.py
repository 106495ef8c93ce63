"""What a training changes: the network's weights, by gradients, an optimizer and an average; and their state."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from attnctl.jobs.runtime.group import Group, averaging
from attnctl.jobs.tasks.task import Arithmetic, Task
from attnctl.jobs.training import norms
from attnctl.jobs.training.optim import AveragedWeights, optimizer
from attnctl.jobs.training.replicas import RunningStatistics
from attnctl.networks import surgery
from attnctl.spec import Recipe

_WARM_STEPS = 3
"""DDP lays its buckets anew after the first backward; a few more cost nothing."""


class Learner:
    """A network in training on one rank. Its gradients are the mean over all replicas' forwards of a step."""

    def __init__(self, recipe: Recipe, task: Task, network: nn.Module, group: Group, arithmetic: Arithmetic) -> None:
        self._recipe, self._task, self._group = recipe, task, group
        network = norms.prepared(network, recipe, group)
        self.network = network.to(group.device, arithmetic.dtype).to(memory_format=arithmetic.layout).train()
        self._statistics = RunningStatistics(self.network)
        self._averaged = AveragedWeights(self.network, recipe.ema_decay) if recipe.ema_decay else None
        self._penalised = any(callable(getattr(module, "extra_loss", None)) for module in network.modules())
        if recipe.compile:
            self.network.compile()
        self._parallel = group.wrap(self.network, has_dynamic_graph=task.has_dynamic_graph)
        self._optimizer = optimizer(recipe, self.network)
        self._scaler = torch.amp.GradScaler(group.device.type, enabled=recipe.precision == "fp16")

    def warm(self, batch: Any) -> None:
        """Let DDP lay out its buckets before the first step that counts; the network stays as it is.

        It does so after its first backward, and the layout decides in which order gradients are added: a run that is
        resumed without this differs in the last bit from one that was not cut.
        """
        kept = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        row = torch.zeros(self._task.columns, dtype=torch.float64, device=self._group.device)
        for _ in range(_WARM_STEPS):
            torch.autograd.backward(self._loss(batch, row))
            self._optimizer.zero_grad(set_to_none=True)
        self.network.load_state_dict(kept)

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next update."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def refine(self, plain: bool) -> None:
        """Whether the next step is in the plain epochs, in which YOLOX adds a loss."""
        if hasattr(self.network, "l1"):
            self.network.l1 = plain  # type: ignore[assignment]

    def backward(self, batch: Any, row: Tensor, replica: int, mine: range) -> None:
        """One replica's forward and backward. row: its sums, to which it adds; mine: the replicas of this rank."""
        self._statistics.track(replica == 0)
        with averaging(self._parallel, replica == mine[-1]):
            loss = self._loss(batch, row)
            torch.autograd.backward(self._scaler.scale(loss / len(mine)))

    def _loss(self, batch: Any, row: Tensor) -> Tensor:
        """What is minimised: a penalty is in every replica's, of which the step takes the mean: it counts once."""
        loss = self._task.loss(self._parallel, batch, row)
        penalty = surgery.extra_loss(self.network) if self._penalised else None
        return loss if penalty is None else loss + penalty

    def update(self, step: int) -> None:
        """Change the weights by what the backwards of step `step` have gathered."""
        if self._task.has_dynamic_graph:
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
        """Give a gradient of zero to parameters that no forward of the step has used, as a mask head without objects.

        Decay and momentum then act on them as ever; torch's fused SGD fails when a parameter gets its first later.
        """
        for parameter in self.network.parameters():
            if parameter.requires_grad and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)

    def shown(self) -> nn.Module:
        """The network that is evaluated: the averaged one, where there is one."""
        self._statistics.track(True)
        return self._averaged.network if self._averaged is not None else self.network

    # ------------------------------------------------------------------------------------------------------------ state

    def share_buffers(self) -> None:
        """Give all ranks rank 0's buffers: there alone running statistics are updated."""
        averaged = self._averaged.network.buffers() if self._averaged is not None else ()
        self._group.copy_from_first([*self.network.buffers(), *averaged])

    def state(self, *, complete: bool) -> dict[str, Any]:
        """The state of a checkpoint; `complete`: the training is, and what only more of it needs is left out."""
        state: dict[str, Any] = {"network": self.network.state_dict()}
        if self._averaged is not None:
            state["averaged"] = self._averaged.network.state_dict()
        if not complete:
            state["optimizer"] = self._optimizer.state_dict()
            state["scaler"] = self._scaler.state_dict()
        return state

    def load(self, state: dict[str, Any]) -> bool:
        """Go on from a checkpoint's state; gives whether its training was complete."""
        self.network.load_state_dict(state["network"])
        if self._averaged is not None:
            self._averaged.network.load_state_dict(state["averaged"])
        complete = "optimizer" not in state
        if not complete:
            self._optimizer.load_state_dict(state["optimizer"])
            self._scaler.load_state_dict(state["scaler"])
        return complete
