"""NAM, normalisation-based attention."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from attnctl.attention._norm import BatchNorm1d, BatchNorm2d, batch_norm
from attnctl.sources.signature import check_constructed
from attnctl.values import SpecError


class NAM(nn.Module):
    """Normalization-based Attention Module (Liu et al., NeurIPS 2021 workshop, arXiv:2111.12419, equations 2 to 4).

    The scales of a BatchNorm weight its channels, or the positions of the map, without further parameters. The penalty
    on the scales, equation 4, is `extra_loss`: the training loop adds it to the loss once per step.

    gates: channel, spatial or both (channel first); a spatial gate works for one map size only
    penalty: weight p of the L1 norm of the scales in the loss
    share: weights: absolute (|scale| / sum |scale|, without gradient; released code) or printed (scale / sum of scales)
    """

    version = 1
    neutral: ClassVar[dict[str, object]] = {"share": "absolute"}
    one_size = "gates != 'channel'"
    rules: ClassVar[dict[str, str]] = {"penalty >= 0": "penalty must not be negative"}

    def __init__(
        self,
        channels: int,
        map_size: tuple[int, int] | None = None,
        *,
        gates: Literal["channel", "spatial", "both"] = "channel",
        penalty: float = 1e-4,
        share: Literal["absolute", "printed"] = "absolute",
    ) -> None:
        super().__init__()
        check_constructed(self, channels, penalty=penalty)
        self.penalty = penalty
        self._share = _printed_share if share == "printed" else _absolute_share
        self.channel = BatchNorm2d(channels) if gates != "spatial" else None
        self.spatial, self.map_size = None, map_size
        if gates != "channel":
            if map_size is None:
                raise SpecError(f"nam gates={gates} at {channels} channels needs map_size=(height, width) of its maps")
            self.spatial = BatchNorm1d(map_size[0] * map_size[1])

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape; for a spatial gate (H, W) must be `map_size`, else ValueError."""
        if self.channel is not None:
            x = x * self._gate(self.channel, x)
        if self.spatial is not None:
            if tuple(x.shape[2:]) != self.map_size:
                raise ValueError(f"NAM's spatial gate was made for maps of {self.map_size}, not {tuple(x.shape[2:])}")
            x = x * self._gate(self.spatial, x.reshape(-1, self.spatial.num_features)).view(x.shape)  # (B C, H W)
        return x

    def _gate(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
        """sigmoid(W BN(x)), where W is each scale's share of the sum of all, folded into the norm's scale and offset.

        The norm is called as a module, because a detector may have frozen or synchronised it.
        """
        share = self._share(norm.weight)
        weight, bias = norm.weight * share, norm.bias * share
        if torch._C._get_tracing_state() is not None and isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            return batch_norm(norm, x, weight, bias).sigmoid()  # torch refuses to trace functional_call
        normed: Tensor = functional_call(norm, {"weight": weight, "bias": bias}, (x,))
        return normed.sigmoid()

    def extra_loss(self) -> Tensor:
        """The penalty: p times the L1 norm of the scales."""
        scales = [norm.weight.abs().sum() for norm in (self.channel, self.spatial) if norm is not None]
        return self.penalty * torch.stack(scales).sum()


def _absolute_share(scales: Tensor) -> Tensor:
    """As in the released code: with absolute values, which are not in the paper, and detached from the gradient."""
    magnitudes = scales.detach().abs()
    return magnitudes / magnitudes.sum().clamp_min(_TINY)


def _printed_share(scales: Tensor) -> Tensor:
    """The paper's weights below equations 2 and 3, with their signs and their gradient."""
    total = scales.sum()
    return scales / torch.where(total.abs() < _TINY, _TINY, total)


_TINY = 1e-12
"""The least divisor."""
