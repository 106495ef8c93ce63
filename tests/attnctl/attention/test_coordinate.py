"""The gates along the height and the width, which CA and CA with group norm share."""

import torch
from torch import nn

from attnctl.attention._coordinate import CoordinateGate
from tests.attnctl.attention.formulas import CHANNELS, HEIGHT, WIDTH, Given, coordinate


def test_the_gates_are_the_formula_around_any_norm() -> None:
    gate = CoordinateGate(CHANNELS, 4, nn.Identity(), bias=False).double()
    x = torch.randn(2, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64)
    torch.testing.assert_close(gate(x), coordinate(Given(gate), x, lambda joint: joint))


def test_the_two_gates_are_not_exchanged() -> None:
    """With no weights along the width, its gate is one half everywhere; the rows keep theirs."""
    gate = CoordinateGate(CHANNELS, 4, nn.Identity(), bias=False).double()
    nn.init.zeros_(gate.width.weight)
    x = torch.rand(1, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64) + 1
    ratio = gate(x) / x
    torch.testing.assert_close(ratio, ratio[..., :1].expand_as(ratio))
    assert ratio.std(2).max() > 0
