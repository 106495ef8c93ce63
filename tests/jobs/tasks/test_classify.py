"""Classification: its loss, what a training counts, and how it is evaluated."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.task import Arithmetic
from tests.attnctl.recipes import own_files
from tests.jobs.tasks import metric_ranks
from tests.jobs.training.training_workers import make_spec

CPU = torch.device("cpu")
ALONE = Group(0, 1, CPU)


class Says(nn.Module):
    """Gives the same logits whatever it sees."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, _images: Tensor) -> Tensor:
        return self.logits


def task(**fields: Any) -> Classify:
    recipe = dataclasses.replace(make_spec().recipe, label_smoothing=0.0, **fields)
    return Classify(recipe, Arithmetic.of(recipe, CPU))


LOGITS = torch.tensor([[3.0, 1.0, 0.0, 2.0], [0.0, 1.0, 2.0, 3.0], [1.0, 5.0, 0.0, 0.0]])
IMAGES = torch.zeros(3, 3, 4, 4)


def test_the_loss_is_the_mean_cross_entropy_and_correct_predictions_are_counted() -> None:
    labels = torch.tensor([0, 2, 1])
    row = torch.zeros(2, dtype=torch.float64)
    network = Says(LOGITS)
    loss = task().loss(network, (IMAGES, labels), row)
    torch.testing.assert_close(loss, functional.cross_entropy(LOGITS, labels))
    assert row.tolist() == pytest.approx([loss.item(), 2])
    loss.backward()
    assert network.logits.grad is not None


def test_with_mixed_labels_the_largest_weight_counts_as_correct() -> None:
    weights = torch.tensor([[0.9, 0.1, 0.0, 0.0], [0.4, 0.0, 0.0, 0.6], [0.0, 0.3, 0.7, 0.0]])
    row = torch.zeros(2, dtype=torch.float64)
    loss = task().loss(Says(LOGITS), (IMAGES, weights), row)
    torch.testing.assert_close(loss, -(weights * LOGITS.log_softmax(1)).sum(1).mean())
    assert row[1] == 2


def test_label_smoothing_follows_the_recipe() -> None:
    recipe = dataclasses.replace(make_spec().recipe, label_smoothing=0.1)
    labels, row = torch.tensor([0, 2, 1]), torch.zeros(2, dtype=torch.float64)
    loss = Classify(recipe, Arithmetic.of(recipe, CPU)).loss(Says(LOGITS), (IMAGES, labels), row)
    torch.testing.assert_close(loss, functional.cross_entropy(LOGITS, labels, label_smoothing=0.1))


def test_a_training_is_summarised_by_mean_loss_and_top_1() -> None:
    assert task().summary([6.0, 30.0], forwards=4, samples=40) == {"train_loss": 1.5, "train_top1": 75.0}


def test_an_evaluation_has_the_mean_loss_and_top_1_and_top_5_over_all_batches() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(20, 10), torch.randint(10, (20,))
    scores = task().scores()
    for part in (slice(0, 12), slice(12, 20)):
        scores.update(Says(logits[part]), (torch.zeros(len(labels[part]), 3, 4, 4), labels[part]))
    values, count = scores.compute(ALONE)
    ranks = (logits > logits.gather(1, labels[:, None])).sum(1)
    assert count == 20
    assert values["top1"] == pytest.approx(100 * (ranks == 0).float().mean().item())
    assert values["top5"] == pytest.approx(100 * (ranks < 5).float().mean().item())
    assert values["loss"] == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)


def test_with_fewer_than_five_classes_top_5_is_all_of_them_and_no_samples_give_zeros() -> None:
    scores = task().scores()
    assert scores.compute(ALONE) == ({"loss": 0, "top1": 0, "top5": 0}, 0)
    scores.update(Says(LOGITS), (IMAGES, torch.tensor([2, 0, 3])))
    assert scores.compute(ALONE)[0]["top5"] == 100


def test_a_users_metric_sees_every_sample_once_and_in_order_whatever_the_ranks(tmp_path: Path) -> None:
    own_files.write(tmp_path)
    alone = metric_ranks.evaluate(0, 1, tmp_path, None)
    assert set(alone) == {"loss", "top1", "top5", "order", "Spread"}
    again = metric_ranks.evaluate(0, 1, tmp_path, None)
    assert again == alone  # the class is created for each evaluation
    for found in metric_ranks.answers_of(2, tmp_path):
        assert (found["order"], found["Spread"], found["top1"]) == (alone["order"], alone["Spread"], alone["top1"])
