"""Drop path (stochastic depth): in training, the residual branch of a block is left out for some images of a batch.

As in timm: the rate grows linearly from 0 in the first block to the recipe's in the last, and what stays is divided by
its probability. Huang et al., Deep Networks with Stochastic Depth, 2016. The random numbers are those of the forward,
which depend on the seed, the step and the replica only (`attnctl.jobs.training.replicas`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attnctl.jobs.training.joint_forward import per_replica


@dataclass(frozen=True)
class DropPath:
    """A forward hook of the last module of a residual branch, which has the attention module in the branch too."""

    rate: float
    draws = True

    def __call__(self, module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        """The branch's output; in training without that of some images, which are 0."""
        return per_replica(self._drop, output, draws=True) if module.training else output

    def _drop(self, output: Tensor) -> Tensor:
        kept = torch.rand(len(output), 1, 1, 1, device=output.device) >= self.rate
        return output * kept.to(output.dtype) / (1 - self.rate)


def attach(network: nn.Module, ends: Sequence[str], rate: float) -> None:
    """Drop the branches that end with these modules. ends: their paths, from the first block to the last."""
    for number, path in enumerate(ends):
        share = rate * number / max(1, len(ends) - 1)
        if share:
            network.get_submodule(path).register_forward_hook(DropPath(share))
