"""The semantic branch of HTC."""

from __future__ import annotations

import torch

from attnctl.models import semantic
from tests.attnctl.models.rectangles import SIZE, target


def test_loss_of_the_semantic_branch_by_hand() -> None:
    """A cell of 8x8 pixels has the label of its middle; 255 counts for nothing."""
    logits = torch.zeros(1, 4, 2, 2)
    logits[0, 3, 0, 0] = 2.0
    labels = torch.full((16, 12), 255)
    labels[0:8, 0:8] = 3
    expected = -torch.log_softmax(torch.tensor([0.0, 0.0, 0.0, 2.0]), 0)[3]
    torch.testing.assert_close(semantic.loss(logits, [{"semantic": labels}]), expected)
    assert semantic.loss(logits, [{"semantic": torch.full((16, 16), 255)}]) == 0


def test_loss_with_the_labels_of_mmdetection_by_hand() -> None:
    """A cell has the label of its first pixel, and the padding class 0."""
    logits = torch.zeros(1, 4, 2, 2)
    logits[0, 3, 0, 0] = 2.0
    labels = torch.full((9, 8), 255)
    labels[0, 0] = 3
    labels[8, 0] = 1
    loss = -torch.log_softmax(torch.tensor([0.0, 0.0, 0.0, 2.0]), 0)[3] + 3 * torch.tensor(4.0).log()
    torch.testing.assert_close(semantic.loss(logits, [{"semantic": labels}], labels_first=True), loss / 4)
    labels[8, 0] = 255
    loss = loss - torch.tensor(4.0).log()
    torch.testing.assert_close(semantic.loss(logits, [{"semantic": labels}], labels_first=True), loss / 3)


def test_without_a_class_map_the_masks_are_painted() -> None:
    wanted = target([(0, 0, 32, 32), (16, 16, 64, 64)], [3, 1])
    painted = semantic._painted(wanted)
    assert painted[2, 2] == painted[20, 20] == 3
    assert painted[40, 40] == 1
    assert painted[2, 60] == 0
    assert semantic._painted(target([], [])).shape == (SIZE, SIZE)
