"""LAMB and TensorFlow's RMSprop give the weights of timm's implementations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from timm.optim.lamb import Lamb as TimmLamb
from timm.optim.rmsprop_tf import RMSpropTF as TimmRMSprop
from torch import nn

from attnctl.jobs.training.more_optimizers import Lamb, RMSpropTF


def trained(kind: Any, decay: float, **options: float) -> list[torch.Tensor]:
    """The weights after ten steps; the bias has no weight decay."""
    torch.manual_seed(0)
    layer = nn.Linear(6, 3).double()
    images, targets = torch.randn(16, 6).double(), torch.randn(16, 3).double() * 20
    groups = [{"params": [layer.weight], "weight_decay": decay}, {"params": [layer.bias], "weight_decay": 0.0}]
    optimizer = kind(groups, lr=0.05, **options)
    for _ in range(10):
        optimizer.zero_grad()
        nn.functional.mse_loss(layer(images), targets).backward()
        optimizer.step()
    return [weight.detach() for weight in layer.parameters()]


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("limit", [1.0, 0.01])
def test_lamb_is_timms(decay: float, limit: float) -> None:
    for ours, theirs in zip(
        trained(Lamb, decay, max_grad_norm=limit), trained(TimmLamb, decay, max_grad_norm=limit), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_rmsprop_of_tensorflow_is_timms(decay: float) -> None:
    given = {"alpha": 0.9, "eps": 1e-3, "momentum": 0.9}
    for ours, theirs in zip(trained(RMSpropTF, decay, **given), trained(TimmRMSprop, decay, **given), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_weights_without_a_gradient_stay() -> None:
    for kind in (Lamb, RMSpropTF):
        weight = nn.Parameter(torch.ones(2))
        kind([{"params": [weight]}], lr=0.1).step()
        assert weight.tolist() == [1, 1]
