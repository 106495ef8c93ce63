"""The encoder and the decoder of YOLOF."""

from __future__ import annotations

import pytest
import torch
from torchvision.models.resnet import BasicBlock, ResNet

from attnctl.models import yolof_parts
from attnctl.models.yolof import build
from tests.attnctl.models.rectangles import Network


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """A narrow one of three classes."""
    monkeypatch.setattr(yolof_parts, "CHANNELS", 32)
    torch.manual_seed(0)
    return build(ResNet(BasicBlock, [1, 1, 1, 1]), 3, size=128)


def test_a_score_is_the_product_of_two_probabilities(network: Network) -> None:
    """The class's and the object's, of which neither has a label of its own."""
    decoder = network.decoder.eval()
    with torch.inference_mode():
        x = torch.randn(2, 32, 3, 4)
        logits, offsets = decoder(x)
        there = decoder.objectness(decoder.box_branch(x)).sigmoid()
        classes = decoder.class_score(decoder.class_branch(x)).sigmoid()
    assert (logits.shape, offsets.shape) == ((2, 3 * 4 * 5, 3), (2, 3 * 4 * 5, 4))
    anchor, row, column = 2, 1, 3
    expected = classes[1, anchor * 3 : anchor * 3 + 3, row, column] * there[1, anchor, row, column]
    torch.testing.assert_close(logits[1, (row * 4 + column) * 5 + anchor].sigmoid(), expected)
    assert 0.004 < logits.sigmoid().mean() < 0.006  # at first 0.01 * 0.5
