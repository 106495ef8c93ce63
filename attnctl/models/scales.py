"""Overriding the sizes to which a detector resizes its images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from attnctl.values import SpecError


def rescale(network: nn.Module, sides: Sequence[int], longest: int) -> None:
    """Make a detector resize to `sides`: a random one in training, the last one in evaluation.

    sides: pixels of the short side, or of YOLOX's square; empty: the model's own. longest: maximum pixels of the long
    side; 0: the model's own. Raises SpecError for a model with one fixed image size.
    """
    transform = getattr(network, "transform", None)
    for name, value in (("min_size", tuple(sides)), ("max_size", longest)):
        if not value:
            continue
        if not hasattr(transform, name) or getattr(transform, "fixed_size", None):
            field = "min_sizes" if name == "min_size" else "max_size"
            raise SpecError(f"{field} does not apply to this model, which has one image size (input_size)")
        setattr(transform, name, value)
