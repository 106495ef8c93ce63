"""How a network computes, as its recipe has it."""

from __future__ import annotations

import dataclasses
from typing import Literal

import pytest
import torch

from attnctl.jobs.tasks.task import Arithmetic
from tests.jobs.training.training_workers import make_spec

CPU = torch.device("cpu")
RECIPE = make_spec().recipe


@pytest.mark.parametrize(("precision", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_forwards_use_the_precision_of_the_recipe_and_weights_do_not(
    precision: Literal["fp32", "bf16"], expected: torch.dtype
) -> None:
    arithmetic = Arithmetic.of(dataclasses.replace(RECIPE, precision=precision), CPU)
    assert arithmetic.dtype == torch.float32
    with arithmetic.autocast:
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected


def test_images_have_the_dtype_of_the_weights_and_the_layout_of_the_recipe() -> None:
    arithmetic = Arithmetic.of(dataclasses.replace(RECIPE, channels_last=True), CPU, torch.float64)
    images = arithmetic.images(torch.rand(2, 3, 4, 5))
    assert images.dtype == torch.float64
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert arithmetic.images(torch.rand(3, 4, 5)).dtype == torch.float64, "a detector's images are single ones"
