"""Overriding the sizes to which a detector resizes its images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from attnctl.values import SpecError


def rescale(network: nn.Module, sides: Sequence[int], longest: int) -> None:
    """Make a detector resize to `sides`: a random one in training, the last one in evaluation.

    sides: pixels of the short side, or of the square that YOLOX fills; empty is the model's own. longest: pixels that
    the long side has at most, 0 is the model's own. Raises SpecError for a model whose images have one size.
    """
    transform = getattr(network, "transform", None)
    for name, wanted in (("min_size", tuple(sides)), ("max_size", longest)):
        if not wanted:
            continue
        if not hasattr(transform, name) or getattr(transform, "fixed_size", None):
            asked = "min_sizes" if name == "min_size" else "max_size"
            raise SpecError(f"{asked} does not apply to this model, which has one image size (input_size)")
        setattr(transform, name, wanted)
