"""Torch's norms, extended to channels or groups with a single value.

In training, torch's norms raise an error when a channel or group has one value only, as in a 1x1 map of one image. Here
the normalised value is then zero: the norm returns its offset, and a batch norm keeps its running statistics. All norms
return the dtype of their input, also under autocast, so that later maps are not promoted to float32.
"""

import torch
from torch import Tensor, nn


class BatchNorm1d(nn.BatchNorm1d):
    """BatchNorm over (B, C) or (B, C, L)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C) or (B, C, L) -> the same shape."""
        return batch_norm(self, x, self.weight, self.bias)

    def __prepare_scriptable__(self) -> nn.Module:
        """What torch.jit.script takes in place of this module: torch's own, with the same tensors."""
        return _like(nn.BatchNorm1d(self.num_features, self.eps, self.momentum), self)


class BatchNorm2d(nn.BatchNorm2d):
    """BatchNorm over (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        return batch_norm(self, x, self.weight, self.bias)

    def __prepare_scriptable__(self) -> nn.Module:
        """What torch.jit.script takes in place of this module: torch's own, with the same tensors."""
        return _like(nn.BatchNorm2d(self.num_features, self.eps, self.momentum), self)


def _like(plain: nn.Module, norm: nn.Module) -> nn.Module:
    """A norm with the parameters, the buffers and the mode of another."""
    plain._parameters, plain._buffers = norm._parameters, norm._buffers
    return plain.train(norm.training)


def batch_norm(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Apply `norm` to x with another scale and offset. x: (B, C, ...) -> the same shape."""
    updates = norm.training and norm.track_running_stats and x.numel() > x.shape[1]
    if updates and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    mean, var = (norm.running_mean, norm.running_var) if updates or not norm.training else (None, None)
    cudnn = torch.backends.cudnn.enabled
    return torch.batch_norm(x, weight, bias, mean, var, norm.training, norm.momentum or 0.0, norm.eps, cudnn)


class GroupNorm(nn.GroupNorm):
    """GroupNorm over (B, C, ...)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, ...) -> the same shape."""
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps).to(x.dtype)


def map_correction(x: Tensor) -> int:
    """The correction of an unbiased variance over the map: 1, or 0 for a map of one value, whose variance is 0."""
    return min(x.shape[2] * x.shape[3] - 1, 1)


def instance_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Standardise each channel of each image over its map, then scale and shift it.

    x: (B, C, H, W); weight, bias: (C,). Equals the explicit formula in a third of its time.
    """
    return torch.instance_norm(x, weight, bias, None, None, True, 0.0, 1e-5, torch.backends.cudnn.enabled)
