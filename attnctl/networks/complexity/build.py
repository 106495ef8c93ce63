"""Building the network of a cell to count it."""

from __future__ import annotations

import torch
from torch import nn

from attnctl import attention, models
from attnctl.networks import surgery
from attnctl.networks.complexity.cells import Cell
from attnctl.networks.complexity.count import count
from attnctl.networks.complexity.record import Shapes
from attnctl.networks.complexity.work import Counts
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError


def built_and_counted(what: Cell, *, memory: bool) -> Counts:
    """Count a cell's network on the meta device, without memory or arithmetic. Raises SpecError or ValueError."""
    shape = (what.channels, what.size, what.size)
    try:
        return count(_on_meta(what), shape, memory=memory)
    except (SpecError, ValueError):
        raise
    except (RuntimeError, NotImplementedError):
        # a network that reads tensor values when built or run fails on the meta device
        return count(built(what), shape, memory=memory)


def built_without_memory(what: Cell) -> nn.Module:
    """The network of a cell, on the meta device where it can be built there. Raises SpecError or ValueError."""
    try:
        return _on_meta(what)
    except (SpecError, ValueError):
        raise
    except (RuntimeError, NotImplementedError):
        return built(what)


def _on_meta(what: Cell) -> nn.Module:
    with torch.device("meta"), Shapes():
        return built(what)


def built(what: Cell) -> nn.Module:
    """The network of a cell, on torch's default device."""
    values = dict(what.hyperparameters)
    if not what.backbone:
        return attention.create(what.module, what.channels, (what.size, what.size), **values)
    attended = None
    if what.module != NO_MODULE:
        place = models.placement(what.model, what.backbone, what.placement)
        attended = surgery.Attention(attention.describe(what.module), place, values)
    own = what.model and what.size == models.describe(what.model).input
    return surgery.network_of(what.backbone, what.classes, attended, model=what.model, size=0 if own else what.size)
