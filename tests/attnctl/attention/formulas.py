"""What formulas of attention modules are written with, and how a module is held against its formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl import attention
from tests.attnctl.attention.attention_cases import randomised

CHANNELS, HEIGHT, WIDTH = 16, 5, 6
EPS = 1e-5


class Given:
    """A module's parameters and running statistics, by name, and whether it is in training."""

    def __init__(self, module: nn.Module) -> None:
        self.values: dict[str, Tensor] = module.state_dict(keep_vars=True)
        self.training = module.training

    def __getitem__(self, name: str) -> Tensor:
        return self.values[name]

    def get(self, name: str) -> Tensor | None:
        return self.values.get(name)

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        """x: (B, C, ...)."""
        axes = [axis for axis in range(x.ndim) if axis != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        mean, var = x.mean(axes), x.var(axes, unbiased=False)
        if not self.training:
            mean, var = self[f"{name}.running_mean"], self[f"{name}.running_var"]
        y = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + EPS)
        weight = self.get(f"{name}.weight")
        return y if weight is None else y * weight.view(shape) + self[f"{name}.bias"].view(shape)

    def layer(self, name: str, x: Tensor) -> Tensor:
        """x: (B, inputs)."""
        bias = self.get(f"{name}.bias")
        y = torch.stack([(self[f"{name}.weight"] * row).sum(1) for row in x])
        return y if bias is None else y + bias

    def conv(self, name: str, x: Tensor, **options: Any) -> Tensor:
        weight = self[f"{name}.weight"]
        return functional.conv2d(x, weight, self.get(f"{name}.bias"), **options)


def sigmoid(z: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-z))


def relu(z: Tensor) -> Tensor:
    return torch.where(z > 0, z, 0.0)


def group_norm(x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """x: (B, C, ...): each group of each sample over its channels and positions."""
    y = torch.empty_like(x)
    size = x.shape[1] // groups
    for n in range(x.shape[0]):
        for g in range(groups):
            part = x[n, g * size : (g + 1) * size]
            y[n, g * size : (g + 1) * size] = (part - part.mean()) / torch.sqrt(part.var(unbiased=False) + EPS)
    shape = [1, -1] + [1] * (x.ndim - 2)
    return y if weight is None or bias is None else y * weight.view(shape) + bias.view(shape)


def coordinate(p: Given, x: Tensor, norm: Callable[[Tensor], Tensor]) -> Tensor:
    high, wide = x.mean(3), x.mean(2)  # (B, C, H), (B, C, W)
    joint = norm(p.conv("joint", torch.cat([high, wide], 2)[..., None]))
    joint = joint * relu(joint + 3).clamp(max=6) / 6
    first = sigmoid(p.conv("height", joint[:, :, :HEIGHT]))  # (B, C, H, 1)
    second = sigmoid(p.conv("width", joint[:, :, HEIGHT:]))[..., 0]
    return x * first * second[:, :, None, :]


def switchable(p: Given, x: Tensor, names: tuple[str, ...], prefix: str = "", form: str = "paper") -> Tensor:
    """Equations 3 to 5; the statistics of each norm from the values themselves.

    form: released, as in the authors' code: the variance of a map is unbiased; those of layer and batch are the mean of
    the maps' second moments, about zero, less the square of the mean.
    """
    axes = {"in": (2, 3), "ln": (1, 2, 3), "bn": (0, 2, 3)}
    means = {name: x.mean(axes[name], keepdim=True) for name in names}
    variances = {name: x.var(axes[name], unbiased=False, keepdim=True) for name in names}
    if form == "released":
        variances["in"] = x.var((2, 3), unbiased=True, keepdim=True)
        moments = variances["in"] + means["in"] ** 2
        for name, axis in (("ln", 1), ("bn", 0)):
            if name in names:
                variances[name] = moments.mean(axis, keepdim=True) - means[name] ** 2
    if "bn" in names and not p.training:
        means["bn"], variances["bn"] = p[f"{prefix}running_mean"], p[f"{prefix}running_var"]
    total = torch.zeros_like(x), torch.zeros_like(x)
    for index, name in enumerate(names):
        for sum_, key, values in zip(total, ("mean_weight", "var_weight"), (means, variances), strict=True):
            share = torch.exp(p[prefix + key]) / torch.exp(p[prefix + key]).sum()
            sum_ += share[index] * values[name]
    return (x - total[0]) / torch.sqrt(total[1] + EPS)


def assert_formula(
    name: str,
    formula: Callable[..., Tensor],
    hyperparameters: Mapping[str, Any],
    training: bool,
    accuracy: float = 1e-9,
    of_gradients: float = 1e-9,
) -> None:
    """That the module with random parameters does what its formula says, on a random map, and so do all gradients."""
    module = randomised(name, CHANNELS, (HEIGHT, WIDTH), **hyperparameters).train(training)
    x = (2 * torch.randn(3, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64) + 0.5).requires_grad_()
    expected = formula(Given(module), x, **hyperparameters)
    found = module(x)
    torch.testing.assert_close(found, expected, rtol=accuracy, atol=accuracy)
    inputs, direction = [x, *module.parameters()], torch.randn_like(x)
    for ours, formulas in zip(*(_gradients(y, inputs, direction) for y in (found, expected)), strict=True):
        torch.testing.assert_close(ours, formulas, rtol=of_gradients, atol=of_gradients)


def _gradients(y: Tensor, inputs: list[Tensor], direction: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(y, inputs, direction, allow_unused=True, materialize_grads=True)


def assert_parameters(name: str, hyperparameters: Mapping[str, Any], at_64: int | None, at_256: int) -> None:
    """That the module has so many parameters at 64 and 256 channels; None where the setting does not fit."""
    for channels, expected in ((64, at_64), (256, at_256)):
        if expected is not None:
            module = attention.create(name, channels, (5, 7), **hyperparameters)
            assert sum(parameter.numel() for parameter in module.parameters()) == expected
