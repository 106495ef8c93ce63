"""Optimizers that recipes of the field use and torch does not have: LAMB, and RMSprop as in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Lamb(Optimizer):
    """LAMB: Adam's update of each tensor, scaled by the ratio of the norms of weights and update (You et al., 2020).

    As NVIDIA's FusedLAMB and timm's Lamb: the gradients are clipped to a global norm of `max_grad_norm` (0: off), and
    tensors without weight decay are not scaled.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        max_grad_norm: float = 1.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "max_grad_norm": max_grad_norm}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update all weights that have a gradient. closure: must be None."""
        assert closure is None, "the loss is computed once in a step"
        scale = self._clipping()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad if scale is None else weight.grad * scale, group)

    def _clipping(self) -> Tensor | None:
        """The factor on all gradients; None if clipping is off."""
        limit = self.param_groups[0]["max_grad_norm"]
        gradients = [
            weight.grad for group in self.param_groups for weight in group["params"] if weight.grad is not None
        ]
        if not limit or not gradients:
            return None
        norm = torch.stack(torch._foreach_norm(gradients)).norm()
        factor: Tensor = (limit / norm).clamp(max=1.0)
        return factor

    def _update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state |= {"step": 0, "mean": torch.zeros_like(weight), "square": torch.zeros_like(weight)}
        state["step"] += 1
        first, second = group["betas"]
        state["mean"].mul_(first).add_(gradient, alpha=1 - first)
        state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        mean = state["mean"] / (1 - first ** state["step"])
        root = (state["square"] / (1 - second ** state["step"])).sqrt_()
        update = mean / root.add_(group["eps"])
        if group["weight_decay"]:
            update.add_(weight, alpha=group["weight_decay"])
            of_weight, of_update = weight.norm(), update.norm()
            ratio = of_weight / of_update
            update.mul_(torch.where((of_weight > 0) & (of_update > 0), ratio, torch.ones_like(ratio)))
        weight.add_(update, alpha=-group["lr"])


class RMSpropTF(Optimizer):
    """RMSprop as in TensorFlow, which the recipes of EfficientNet and MobileNetV3 use.

    Unlike torch's, the average of squares begins at 1, `eps` is added before the root, and the learning rate acts when
    a gradient enters the momentum, not when the momentum moves the weights.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        alpha: float = 0.9,
        eps: float = 1e-3,
        weight_decay: float = 0.0,
        momentum: float = 0.9,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update all weights that have a gradient. closure: must be None."""
        assert closure is None, "the loss is computed once in a step"
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group)

    def _update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state |= {"square": torch.ones_like(weight), "buffer": torch.zeros_like(weight)}
        if group["weight_decay"]:
            gradient = gradient.add(weight, alpha=group["weight_decay"])
        state["square"].lerp_(gradient.square(), 1 - group["alpha"])
        scaled = gradient / (state["square"] + group["eps"]).sqrt_()
        state["buffer"].mul_(group["momentum"]).add_(scaled, alpha=group["lr"])
        weight.sub_(state["buffer"])
