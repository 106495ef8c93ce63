"""The interface between the training loop and a task, and the arithmetic of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from attnctl.spec import Recipe

if TYPE_CHECKING:
    from attnctl.jobs.runtime.group import Group


@dataclass(frozen=True)
class Arithmetic:
    """How a network computes. dtype: of weights and images; layout: their memory format; autocast: for forwards."""

    dtype: torch.dtype
    layout: torch.memory_format
    autocast: torch.autocast

    @classmethod
    def of(cls, recipe: Recipe, device: torch.device, dtype: torch.dtype = torch.float32) -> Arithmetic:
        """The arithmetic of a recipe. dtype: of weights and images."""
        mixed = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[recipe.precision]
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        return cls(dtype, layout, torch.autocast(device.type, mixed, enabled=mixed != torch.float32))

    def images(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W), or one image (3, H, W), in this dtype and layout."""
        if images.ndim == 4:
            return images.to(dtype=self.dtype, memory_format=self.layout)
        return images.to(dtype=self.dtype)


class Scores(Protocol):
    """The evaluation of one network on one rank."""

    def update(self, network: nn.Module, batch: Any) -> None:
        """Add a batch of `TrainingData.evaluate`. network: in evaluation mode."""

    def compute(self, group: Group) -> tuple[dict[str, float], int]:
        """(metrics, number of samples) over all ranks; equal on all ranks, which all call it once."""


class Task(Protocol):
    """The part of a training that depends on the task. Created from the run's spec, data and arithmetic."""

    @property
    def primary(self) -> Sequence[str]:
        """Metrics by which the best epoch is chosen (highest value): the first of these that an evaluation returns."""

    @property
    def columns(self) -> int:
        """How many numbers a forward adds to its replica's sums; the first is the loss."""

    @property
    def has_dynamic_graph(self) -> bool:
        """Whether forwards differ in shapes and in the parameters they use."""

    def loss(self, network: nn.Module, batch: Any, row: Tensor) -> Tensor:
        """The loss of one replica's forward, without penalties. row: (columns,) float64, increased by its sums."""

    def summary(self, sums: Sequence[float], forwards: int, samples: int) -> dict[str, float]:
        """The training metrics since the last call, from the columns summed over all replicas."""

    def scores(self) -> Scores:
        """Start a new evaluation."""


@runtime_checkable
class JointTask(Task, Protocol):
    """A task whose replicas can share a forward, since their images are of one size and its losses are apart."""

    def losses(self, network: nn.Module, batch: Any, rows: Tensor) -> Tensor:
        """(V,) the loss of each replica in one forward, without penalties. batch: of V replicas, one after another.

        rows: (V, columns) float64, each increased by its replica's sums.
        """
