"""The losses of classifiers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from timm.loss.binary_cross_entropy import BinaryCrossEntropy
from torch.nn import functional

from attnctl import recipes
from attnctl.jobs.tasks.losses import open_loss
from attnctl.values import Scalar
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


@pytest.mark.parametrize(("smoothing", "threshold"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2)])
def test_binary_cross_entropy_is_timms(smoothing: float, threshold: float) -> None:
    given: dict[str, Scalar] = {"loss": "bce", "label_smoothing": smoothing, "loss.threshold": threshold}
    loss = open_loss(recipes.resolve("digits", given), "")
    theirs = BinaryCrossEntropy(smoothing=smoothing, target_threshold=threshold or None)
    torch.testing.assert_close(loss(LOGITS, LABELS), theirs(LOGITS, LABELS))
    if not smoothing:
        mixed = torch.tensor([[0.7, 0.3, 0.0, 0.0], [0.0, 0.0, 0.9, 0.1], [0.0, 1.0, 0.0, 0.0]])
        torch.testing.assert_close(loss(LOGITS, mixed), theirs(LOGITS, mixed))


def test_the_focal_loss_without_gamma_is_cross_entropy_and_counts_sure_samples_less() -> None:
    plain, focal = (open_loss(recipes.resolve("digits", {"loss": "focal", "loss.gamma": g}), "") for g in (0.0, 2.0))
    torch.testing.assert_close(plain(LOGITS, LABELS), functional.cross_entropy(LOGITS, LABELS))
    sure, unsure = torch.tensor([[5.0, 0.0, 0.0, 0.0]]), torch.tensor([[0.1, 0.0, 0.0, 0.0]])
    first = torch.tensor([0])
    assert focal(sure, first) / plain(sure, first) < 0.01 < focal(unsure, first) / plain(unsure, first)
