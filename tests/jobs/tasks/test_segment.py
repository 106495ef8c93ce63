"""Semantic segmentation: its loss over pixels that have a class, and its mean IoU."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.grid import Axes, expand
from attnctl.jobs.metrics.segmentation import IGNORED
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.segment import Segment
from attnctl.jobs.tasks.task import Arithmetic

CPU = torch.device("cpu")
(SPEC,) = expand(Axes(modules=("none",), models=("deeplabv3",), datasets=("digits-seg",))).specs
PLAIN = dataclasses.replace(SPEC, recipe=dataclasses.replace(SPEC.recipe, label_smoothing=0.0))
TASK = Segment(PLAIN, Arithmetic.of(PLAIN.recipe, CPU))


class Says(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, _images: Tensor) -> dict[str, Tensor]:
        return {"out": self.logits}


@pytest.fixture
def given() -> tuple[Tensor, Tensor]:
    """Logits of 11 classes on 2x3 pixels, and their classes, of which two are ignored."""
    torch.manual_seed(0)
    classes = torch.tensor([[[0, 3, IGNORED], [10, IGNORED, 5]]])
    return torch.randn(1, 11, 2, 3), classes


def test_unlabelled_pixels_are_ignored(given: tuple[Tensor, Tensor]) -> None:
    logits, classes = given
    row = torch.zeros(3, dtype=torch.float64)
    loss = TASK.loss(Says(logits), (torch.zeros(1, 3, 2, 3), classes), row)
    torch.testing.assert_close(loss, functional.cross_entropy(logits, classes, ignore_index=IGNORED))
    hits = (logits.argmax(1) == classes).sum().item()
    assert row.tolist() == pytest.approx([loss.item(), hits, 4])


def test_a_batch_without_labelled_pixels_has_loss_zero(given: tuple[Tensor, Tensor]) -> None:
    network, row = Says(given[0]), torch.zeros(3, dtype=torch.float64)
    loss = TASK.loss(network, (torch.zeros(1, 3, 2, 3), torch.full((1, 2, 3), IGNORED)), row)
    loss.backward()
    assert (loss.item(), row.tolist()) == (0, [0, 0, 0])
    assert network.logits.grad is not None
    assert network.logits.grad.abs().sum() == 0


def test_a_training_is_summarised_by_mean_loss_and_pixel_accuracy() -> None:
    assert TASK.summary([6.0, 30.0, 40.0], 4, 8) == {"train_loss": 1.5, "train_pixel_accuracy": 75.0}
    assert TASK.summary([0.0, 0.0, 0.0], 4, 8) == {"train_loss": 0, "train_pixel_accuracy": 0}


def test_a_perfect_network_has_a_mean_iou_of_100(given: tuple[Tensor, Tensor]) -> None:
    logits, classes = given
    right = functional.one_hot(classes.where(classes != IGNORED, 0), 11).permute(0, 3, 1, 2) * 50.0
    scores = TASK.scores()
    scores.update(Says(right), (torch.zeros(1, 3, 2, 3), classes))
    values, count = scores.compute(Group(0, 1, CPU))
    assert (values["miou"], values["pixel_accuracy"], count) == (100, 100, 1)
    assert values["loss"] == pytest.approx(0, abs=1e-6)
    scores = TASK.scores()
    scores.update(Says(logits), (torch.zeros(1, 3, 2, 3), classes))
    expected = functional.cross_entropy(logits, classes, ignore_index=IGNORED).item()
    assert scores.compute(Group(0, 1, CPU))[0]["loss"] == pytest.approx(expected, rel=1e-5)
