"""Applies the batch norm settings of a recipe: the momentum, and statistics over all ranks (SyncBatchNorm).

Frozen norms are not handled here: `attnctl.models` builds networks with them.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from attnctl.jobs.runtime.group import Group
from attnctl.spec import Recipe
from attnctl.values import SpecError


def prepare(network: nn.Module, recipe: Recipe, group: Group) -> nn.Module:
    """Return the network with the recipe's norms. Raises SpecError for synchronised norms on several CPUs."""
    if recipe.bn_momentum:
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.momentum = recipe.bn_momentum
    if recipe.norms != "sync" or group.world == 1:
        return network
    if group.device.type != "cuda":
        raise SpecError("--norms sync needs GPUs or a single process: torch's SyncBatchNorm does not work on CPUs")
    return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return]
