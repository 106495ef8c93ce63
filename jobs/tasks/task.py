"""What the training loop needs to know of a task, and how a network computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from attnctl.spec import Recipe

if TYPE_CHECKING:
    from attnctl.jobs.runtime.group import Group


@dataclass(frozen=True)
class Arithmetic:
    """How a network computes. dtype: of its weights and images; layout: of both in memory; autocast: of forwards."""

    dtype: torch.dtype
    layout: torch.memory_format
    autocast: torch.autocast

    @classmethod
    def of(cls, recipe: Recipe, device: torch.device, dtype: torch.dtype = torch.float32) -> Arithmetic:
        """As a recipe has it. dtype: of weights and images."""
        mixed = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[recipe.precision]
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        return cls(dtype, layout, torch.autocast(device.type, mixed, enabled=mixed != torch.float32))

    def images(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W), or one (3, H, W), in this type and layout."""
        if images.ndim == 4:
            return images.to(dtype=self.dtype, memory_format=self.layout)
        return images.to(dtype=self.dtype)


class Scores(Protocol):
    """The evaluation of one network, as far as one rank sees it."""

    def update(self, network: nn.Module, batch: Any) -> None:
        """Take in a batch of `TrainingData.evaluate`. network: in evaluation mode."""

    def compute(self, group: Group) -> tuple[dict[str, float], int]:
        """(metrics of all ranks' samples, how many these are), alike on all ranks, which all call it once."""


class Task(Protocol):
    """What the training loop needs to know of a task. Made with the run's spec, data and arithmetic."""

    @property
    def primary(self) -> Sequence[str]:
        """The metrics whose highest value makes an epoch the best: the first one that an evaluation gives."""

    @property
    def columns(self) -> int:
        """Numbers that a forward adds to its replica's sums; the first is the loss."""

    @property
    def has_dynamic_graph(self) -> bool:
        """Whether forwards differ in their shapes, and in which parameters they use."""

    def loss(self, network: nn.Module, batch: Any, row: Tensor) -> Tensor:
        """The loss of a forward of one replica, without penalties; row: (columns,) float64, to which it adds."""

    def summary(self, sums: Sequence[float], forwards: int, samples: int) -> dict[str, float]:
        """The training's metrics since the last ones, of the columns' sums over all replicas."""

    def scores(self) -> Scores:
        """A fresh evaluation."""
