"""Batch norms in training, where a recipe has them otherwise than the network: their momentum, one batch of all ranks.

Frozen norms are the network's own matter: `attnctl.models` builds it with them.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from attnctl.jobs.runtime.group import Group
from attnctl.spec import Recipe
from attnctl.values import SpecError


def prepared(network: nn.Module, recipe: Recipe, group: Group) -> nn.Module:
    """The network with its norms as the recipe has them. Raises SpecError for synchronous ones between CPUs."""
    if recipe.bn_momentum:
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.momentum = recipe.bn_momentum
    if recipe.norms != "sync" or group.world == 1:
        return network
    if group.device.type != "cuda":
        raise SpecError("norms sync needs GPUs, or one forward a step: torch's SyncBatchNorm does not work on CPUs")
    return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call, no-any-return]
