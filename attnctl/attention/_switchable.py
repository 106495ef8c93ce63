"""Switchable normalisation, shared by SN and AN over SN."""

import torch
from torch import Tensor, nn

from attnctl.attention._norm import map_correction


class SwitchableNorm(nn.Module):
    """Normalise by a learned mixture of instance, layer and batch statistics, then apply the given scale and offset.

    norms: the statistics that are mixed, from "in", "ln" and "bn". momentum: weight of the old running statistics.
    released: as in the authors' code, with unbiased variances of maps, and running variances that begin at 0.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        channels: int,
        norms: tuple[str, ...],
        momentum: float = 0.9,
        eps: float = 1e-5,
        *,
        released: bool = False,
    ) -> None:
        super().__init__()
        self.released = released
        self.norms, self.momentum, self.eps = norms, momentum, eps
        self.mean_weight, self.var_weight = (nn.Parameter(torch.ones(len(norms))) for _ in range(2))
        self.track_running_stats = "bn" in norms
        if self.track_running_stats:
            self.register_buffer("running_mean", torch.zeros(1, channels, 1, 1))
            self.register_buffer("running_var", torch.full((1, channels, 1, 1), 0.0 if released else 1.0))

    def forward(self, x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape. scale, offset: broadcast to (B, C, 1, 1)."""
        mean, deviation = self._statistics(x)
        scale = scale / deviation
        return (x * scale + (offset - mean * scale)).to(x.dtype)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mixed mean and standard deviation of a map, each (B, C, 1, 1).

        The map is read once: layer and batch statistics follow from the instance ones by the law of total variance.
        """
        var_in, mean_in = (term.to(self.var_weight.dtype) for term in self._map_statistics(x))
        statistics = {"in": (var_in, mean_in)}
        if "ln" in self.norms:
            statistics["ln"] = _pooled(var_in, mean_in, 1)
        if "bn" in self.norms:
            statistics["bn"] = self._batch(var_in, mean_in)
        mean_weight, var_weight = self.mean_weight.softmax(0), self.var_weight.softmax(0)
        mean, var = torch.zeros_like(mean_in), torch.full_like(var_in, self.eps)
        for index, name in enumerate(self.norms):
            mean = mean + mean_weight[index] * statistics[name][1]
            var = var + var_weight[index] * statistics[name][0]
        return mean, var.sqrt()

    def _map_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.var_mean(x, (2, 3), correction=map_correction(x) if self.released else 0, keepdim=True)

    def _batch(self, var_in: Tensor, mean_in: Tensor) -> tuple[Tensor, Tensor]:
        if not self.training:
            return self.running_var, self.running_mean
        var, mean = _pooled(var_in, mean_in, 0)
        if self.track_running_stats:
            self.running_mean.lerp_(mean.detach(), 1 - self.momentum)
            self.running_var.lerp_(var.detach(), 1 - self.momentum)
        return var, mean


def _pooled(var: Tensor, mean: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The variance and mean over `axis` of groups with the given variances and means."""
    between, total = torch.var_mean(mean, axis, correction=0, keepdim=True)
    return var.mean(axis, keepdim=True) + between, total
