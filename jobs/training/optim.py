"""The optimizer, the learning rate schedule, and the averaged weights."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from attnctl.jobs.training import optimizers
from attnctl.recipes.own_parts import Factor
from attnctl.spec import Recipe
from attnctl.values import SpecError, comma_join

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)

_FACTOR = "lr_factor"
"""The key of an optimizer's group that holds the factor on its learning rate, if that is not 1."""


def optimizer(recipe: Recipe, network: nn.Module, code: str = "") -> torch.optim.Optimizer:
    """The recipe's optimizer over all parameters that train; fused where torch can, so one kernel updates many tensors.

    code: the run's `Versions.recipe`. Raises SpecError.
    """
    return optimizers.create(recipe, code, _parameters(recipe, network))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next update; each group's is a factor of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(_FACTOR, 1.0)


def _parameters(recipe: Recipe, network: nn.Module) -> list[dict[str, Any]]:
    """The parameters that train, in groups of equal learning rate and weight decay.

    Raises SpecError for a pattern that no parameter has.
    """
    parameters = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    patterns, biases = recipe.parameter_groups(), _biases(network)
    for group in patterns:
        if not any(group.fits(name) for name, _ in parameters):
            names = comma_join([name for name, _ in parameters][:4])
            raise SpecError(f"param_groups: no parameter that trains is called {group.pattern!r}; names begin: {names}")
    backbone = getattr(network, "body_prefix", None)
    groups: dict[tuple[float, float | None], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        factor = recipe.backbone_lr if backbone and name.startswith(backbone) else 1.0
        decay = None if parameter.ndim > 1 or recipe.decays(bias=id(parameter) in biases) else 0.0
        named = next((group for group in patterns if group.fits(name)), None)
        if named is not None:
            factor *= named.lr
            decay = decay if named.weight_decay is None else named.weight_decay
        groups.setdefault((factor, decay), []).append(parameter)
    return [
        {"params": groups[factor, decay]}
        | ({} if decay is None else {"weight_decay": decay})
        | ({} if factor == 1 else {_FACTOR: factor})
        for factor, decay in sorted(groups, key=lambda setting: (-setting[0], setting[1] is not None, setting[1] or 0))
    ]


def _biases(network: nn.Module) -> set[int]:
    """The ids of all biases, without the offsets of norms."""
    layers = (module for module in network.modules() if not isinstance(module, _NORMS))
    return {id(bias) for layer in layers if (bias := getattr(layer, "bias", None)) is not None}


def total_steps(recipe: Recipe, steps_per_epoch: int) -> int:
    """The number of steps of the whole run."""
    return recipe.steps or recipe.epochs * steps_per_epoch


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int, own: Factor | None = None) -> float:
    """The learning rate of step `step`, from 0. own: the user's schedule, if the recipe has one.

    Warm-up rises over its W steps: lr * ((step + 1) / W)^warmup_power, or from warmup_factor of the rate, then with
    step / W instead, as in mmdetection. After it, cosine and poly fall to min_lr_ratio of the rate at the end of the
    run; if that is not 0, they reach it before the last epochs without augmentation, in which it stays (as in the
    released YOLOX). step counts whole epochs from the start, as the papers' recipes do, and so does multistep, unless
    the length of the run is given in steps: then its milestones are steps, too.
    """
    warmup = recipe.warmup_steps or round(recipe.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return _rising(recipe, step, warmup)
    if own is not None:
        return recipe.lr * own(step - warmup, total_steps(recipe, steps_per_epoch) - warmup)
    if recipe.schedule in {"cosine", "poly"}:
        return _falling(recipe, step, steps_per_epoch, warmup)
    epoch = step // steps_per_epoch
    if recipe.schedule == "step":
        return recipe.lr * float(recipe.lr_gamma ** (epoch // recipe.step_epochs))
    if recipe.schedule == "multistep":
        now = step if recipe.steps else epoch
        return recipe.lr * float(recipe.lr_gamma ** sum(now >= milestone for milestone in recipe.milestone_epochs()))
    return recipe.lr


def _rising(recipe: Recipe, step: int, warmup: int) -> float:
    """The learning rate in the warm-up."""
    if recipe.warmup_factor:
        risen = (step / warmup) ** recipe.warmup_power
        return recipe.lr * float(recipe.warmup_factor + (1 - recipe.warmup_factor) * risen)
    if recipe.warmup_power != 1:
        return recipe.lr * float(((step + 1) / warmup) ** recipe.warmup_power)
    return recipe.lr * (step + 1) / warmup


def _falling(recipe: Recipe, step: int, steps_per_epoch: int, warmup: int) -> float:
    """The learning rate of the cosine and poly schedules after the warm-up."""
    length = total_steps(recipe, steps_per_epoch) - warmup
    if recipe.min_lr_ratio:
        length -= recipe.no_aug_epochs * steps_per_epoch
    passed = step - warmup
    if recipe.min_lr_ratio and passed >= length:
        return recipe.lr * recipe.min_lr_ratio
    if recipe.schedule == "cosine":
        rate = recipe.lr * 0.5 * (1 + math.cos(math.pi * passed / length))
    else:
        rate = recipe.lr * float((1 - passed / length) ** recipe.power)
    return rate if not recipe.min_lr_ratio else recipe.lr * recipe.min_lr_ratio + (1 - recipe.min_lr_ratio) * rate


# Ours, because torch.optim.swa_utils.AveragedModel copies the weights at its first update, where this average moves by
# the warm-up's share, and counts its updates in a buffer that a resumed run would have to restore: other numbers.


class AveragedWeights:
    """Exponential moving average (EMA) of a network's weights and running statistics, in its own network.

    After step t (from 0) each average moves by 1 - min(decay, (1 + t) / (10 + t)) towards its weight. This is the usual
    warm-up; without it a short run would report nearly its initial weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self._decay = decay
        self._pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the averages towards the weights after `step`."""
        weight = 1 - min(self._decay, (1 + step) / (10 + step))
        floating = [(average, tensor) for average, tensor in self._pairs if average.is_floating_point()]
        torch._foreach_lerp_([average for average, _ in floating], [tensor for _, tensor in floating], weight)
        for average, tensor in self._pairs:
            if not average.is_floating_point():
                average.copy_(tensor)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
