"""Builds the network of a cell to count it."""

from __future__ import annotations

import torch
from torch import nn

from attnctl import attention, backbones, surgery
from attnctl.complexity import Cell
from attnctl.complexity.count import count
from attnctl.complexity.record import Shapes
from attnctl.complexity.work import Counts
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError


def built_and_counted(what: Cell, *, memory: bool) -> Counts:
    """The counts of a cell's network, on the meta device: no memory, no arithmetic. Raises SpecError or ValueError."""
    shape = (what.channels, what.size, what.size)
    try:
        with torch.device("meta"), Shapes():
            network = built(what)
        return count(network, shape, memory=memory)
    except (SpecError, ValueError):
        raise
    except (RuntimeError, NotImplementedError):
        # a network that looks at values, while it is built or run, has none on the meta device
        return count(built(what), shape, memory=memory)


def built(what: Cell) -> nn.Module:
    """The network of a cell, on torch's default device."""
    values = dict(what.hyperparameters)
    if not what.backbone:
        return attention.create(what.module, what.channels, (what.size, what.size), **values)
    network = backbones.build(what.backbone, what.classes)
    if what.module != NO_MODULE:
        place = backbones.placement(what.backbone, what.placement)
        surgery.insert(network, attention.describe(what.module), place, values, what.size)
    return network
