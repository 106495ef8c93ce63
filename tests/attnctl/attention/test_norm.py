"""Norms that are defined on maps of a single value too, and give the type that they get."""

import pytest
import torch
from torch import nn

from attnctl.attention._norm import BatchNorm1d, BatchNorm2d, GroupNorm, instance_norm


@pytest.mark.parametrize("training", [True, False])
def test_norms_equal_torchs_where_these_are_defined(training: bool) -> None:
    x = torch.randn(4, 16, 5, 6)
    for mine, theirs, given in (
        (BatchNorm2d(16), nn.BatchNorm2d(16), x),
        (BatchNorm1d(16), nn.BatchNorm1d(16), x.flatten(2)),
        (BatchNorm1d(16), nn.BatchNorm1d(16), x[:, :, 0, 0]),
        (GroupNorm(4, 16), nn.GroupNorm(4, 16), x),
    ):
        torch.testing.assert_close(mine.train(training)(given), theirs.train(training)(given))
        for name, buffer in theirs.named_buffers():
            torch.testing.assert_close(mine.get_buffer(name), buffer)


def test_for_a_single_value_the_norm_returns_its_offset_and_keeps_its_statistics() -> None:
    norm = BatchNorm2d(16).train()
    nn.init.constant_(norm.bias, 0.25)
    torch.testing.assert_close(norm(torch.randn(1, 16, 1, 1)), torch.full((1, 16, 1, 1), 0.25), atol=1e-3, rtol=0)
    assert norm.running_mean is not None
    assert norm.num_batches_tracked is not None
    assert (norm.running_mean.abs().sum().item(), norm.num_batches_tracked.item()) == (0, 0)


def test_an_instance_norm_standardises_each_map() -> None:
    x, weight, bias = torch.randn(3, 8, 5, 6), torch.randn(8), torch.randn(8)
    mean, std = x.mean((2, 3), keepdim=True), torch.sqrt(x.var((2, 3), unbiased=False, keepdim=True) + 1e-5)
    expected = (x - mean) / std * weight[:, None, None] + bias[:, None, None]
    torch.testing.assert_close(instance_norm(x, weight, bias), expected, rtol=1e-4, atol=1e-5)


def test_under_autocast_a_norm_keeps_the_dtype_of_its_input() -> None:
    x = torch.randn(2, 16, 5, 6, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert GroupNorm(4, 16)(x).dtype == torch.bfloat16
