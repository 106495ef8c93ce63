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


def build_and_count(cell: Cell, *, memory: bool) -> Counts:
    """Count a cell's network on the meta device, without memory or arithmetic. Raises SpecError or ValueError."""
    shape = (cell.channels, cell.size, cell.size)
    try:
        return count(_on_meta(cell), shape, memory=memory)
    except (SpecError, ValueError):
        raise
    except (RuntimeError, NotImplementedError):
        # a network that reads tensor values when built or run fails on the meta device
        return count(build(cell), shape, memory=memory)


def build_on_meta(cell: Cell) -> nn.Module:
    """Build a cell's network, on the meta device if that is possible. Raises SpecError or ValueError."""
    try:
        return _on_meta(cell)
    except (SpecError, ValueError):
        raise
    except (RuntimeError, NotImplementedError):
        return build(cell)


def _on_meta(cell: Cell) -> nn.Module:
    with torch.device("meta"), Shapes():
        return build(cell)


def build(cell: Cell) -> nn.Module:
    """Build a cell's network on torch's default device."""
    values = dict(cell.hyperparameters)
    if not cell.backbone:
        return attention.create(cell.module, cell.channels, (cell.size, cell.size), **values)
    attended = []
    if cell.module != NO_MODULE:
        attended = surgery.attended_by(cell.module, values, cell.model, cell.backbone, cell.placement)
    usual = cell.model and cell.size == models.describe(cell.model).input
    return surgery.network_of(cell.backbone, cell.classes, attended, model=cell.model, size=0 if usual else cell.size)
