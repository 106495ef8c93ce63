"""The losses of classifiers."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

from attnctl import recipes
from attnctl.jobs.tasks.losses import open_loss
from tests.attnctl.recipes import own_files

LOGITS = torch.linspace(-1, 1, 12).view(3, 4)
LABELS = torch.tensor([0, 3, 1])


def test_the_default_is_cross_entropy_with_label_smoothing() -> None:
    loss = open_loss(recipes.resolve("digits", {"label_smoothing": 0.1}), "")
    assert torch.equal(loss(LOGITS, LABELS), functional.cross_entropy(LOGITS, LABELS, label_smoothing=0.1))


def test_a_users_loss_takes_its_place(tmp_path: Path) -> None:
    own_files.write(tmp_path)
    loss = open_loss(*recipes.resolve_with_code("digits", {"loss": f"{tmp_path}/focal.py:Focal", "loss.gamma": "0"}))
    torch.testing.assert_close(loss(LOGITS, LABELS), functional.cross_entropy(LOGITS, LABELS))
