"""EAN, efficient attention guided by normalisation."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from attnctl.attention._norm import instance_norm
from attnctl.sources.signature import check_constructed


class EAN(nn.Module):
    """Efficient Attention module guided by Normalization (Li, Li and Wen, AAAI 2024, equations 5 to 9).

    In each of G groups, every channel is standardised over its map, the scale gamma shared by the groups weights the
    channels (a channel's gamma over the L2 norm of all), and a sigmoid of the weighted map is the gate, initially 0.5.

    The text is ambiguous; the published counts prove four vectors of length C / G, shared by the groups.

    G: number of groups; must divide the channels
    shared: share the four vectors across groups, as published; false: one value per channel
    form: gamma over its norm: paper (L2, the root of the sum of squares) or released (the root of their mean)
    weights: of the channels, equation 7: l2 (gamma over its norm), gamma (without the norm) or none (without weights)
    adaptation: scale and shift the weighted map with alpha and delta, equation 8; false: its sigmoid alone
    statistics: mean and variance of each channel of a group, as published, or of the whole group, as in group norm
    """

    version = 1
    neutral: ClassVar[dict[str, object]] = {
        "form": "paper",
        "weights": "l2",
        "adaptation": True,
        "statistics": "channel",
    }
    rules: ClassVar[dict[str, str]] = {
        "G >= 1": "G must be at least 1",
        "divides(G, C)": "G must divide the channels",
        "form == 'paper' or weights == 'l2'": "form is a choice of weights=l2",
    }

    def __init__(
        self,
        channels: int,
        *,
        G: int = 8,  # noqa: N803 - the paper's symbol
        shared: bool = True,
        form: Literal["paper", "released"] = "paper",
        weights: Literal["l2", "gamma", "none"] = "l2",
        adaptation: bool = True,
        statistics: Literal["channel", "group"] = "channel",
    ) -> None:
        super().__init__()
        check_constructed(self, channels, G=G, form=form, weights=weights)
        self.form, self.weights, self.statistics = form, weights, statistics
        self.groups = G
        shape = (1 if shared else G, channels // G)
        self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.alpha, self.delta = (nn.Parameter(torch.zeros(shape)) if adaptation else None for _ in range(2))
        self.eps = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        # equations 5, 7 and 8 are one scale and one offset of each standardised channel
        factor = self._share() if self.alpha is None else self.alpha * self._share()
        scale, offset = factor * self.gamma, factor * self.beta
        if self.delta is not None:
            offset = offset + self.delta
        shape = (self.groups, -1)
        scale, offset = scale.expand(shape).flatten(), offset.expand(shape).flatten()
        if self.statistics == "group":
            return x * torch.group_norm(x, self.groups, scale, offset, self.eps).to(x.dtype).sigmoid()
        return x * instance_norm(x, scale, offset).sigmoid()

    def _share(self) -> Tensor:
        """The weights of the channels, equation 6: (1 or G, C / G)."""
        if self.weights == "none":
            return torch.ones_like(self.gamma)
        if self.weights == "gamma":
            return self.gamma
        squares = self.gamma.square()
        # equation 6 has the sum; the authors' code, the mean, and so a gate that moves sqrt(C / G) times as fast
        norm = squares.sum(1, keepdim=True) if self.form == "paper" else squares.mean(1, keepdim=True)
        return self.gamma * (norm + self.eps).rsqrt()
