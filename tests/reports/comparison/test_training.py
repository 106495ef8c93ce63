"""The note on how the rows were trained names all that is not what a reader takes for granted."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl.recipe_parts import LOSSES
from attnctl.reports import comparison
from tests.reports.report_rows import rows

USUAL = "Training: 8 epochs, batch 64, sgd, lr 0.1, cosine schedule, weight decay 0.0005"
"""Of digits."""


def training(**overrides: str) -> str:
    made = rows([90.0], ("none",), overrides={name: (value,) for name, value in overrides.items()})
    (note,) = [note for note in comparison.build(made).table.notes if note.startswith("Training")]
    return note


def test_the_usual_training_of_a_data_set_is_told_in_short() -> None:
    assert training(epochs="8") == f"{USUAL}."


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"loss": "focal"}, "focal loss"),
        ({"augment": "crop-flip"}, "crop-flip augmentation"),
        ({"augment": "none"}, "no augmentation"),
        ({"nesterov": "false"}, "no Nesterov momentum"),
        ({"label_smoothing": "0.1"}, "label smoothing 0.1"),
        ({"ema_decay": "0.99"}, "EMA decay 0.99"),
        ({"norm_batch": "16"}, "norm batch 16"),
        ({"loss": "focal", "loss.gamma": "3"}, "focal loss, loss.gamma 3"),
    ],
)
def test_what_differs_from_the_default_recipe_is_named(overrides: dict[str, str], words: str) -> None:
    assert training(epochs="8", **overrides) == f"{USUAL}, {words}."


def test_what_does_not_change_the_training_is_not_named() -> None:
    assert training(epochs="8", eval_interval="2", channels_last="true", val_split="0.1") == f"{USUAL}."


def test_a_smaller_batch_has_no_smaller_ghost_batch_worth_telling() -> None:
    assert training(epochs="8", batch="16") == f"{USUAL}.".replace("batch 64", "batch 16")


def test_a_single_epoch_is_in_the_singular() -> None:
    assert training(epochs="1").startswith("Training: 1 epoch, batch")


def test_a_loss_in_which_the_rows_differ_stands_in_the_titles() -> None:
    axes: dict[str, Any] = {"overrides": {"loss": ("focal", next(iter(LOSSES)))}}
    table = comparison.build(rows([90.0, 91.0], ("none",), **axes)).table
    assert all("loss=" in group.title for group in table.groups)
    assert not any("loss" in note for note in table.notes if note.startswith("Training"))


def test_a_backbone_without_a_known_default_recipe_has_all_named() -> None:
    (row,) = rows([90.0], ("none",), overrides={"epochs": ("8",)})
    row.backbone = "net:build"  # of a user's file, which the spec does not say where it is
    (note,) = [note for note in comparison.build([row]).table.notes if note.startswith("Training")]
    assert note == f"{USUAL}, shift augmentation, Nesterov momentum, warmup epochs 1."


def test_a_kernel_that_the_module_computes_is_adaptive() -> None:
    table = comparison.build(rows([90.0, 91.0], ("eca",), hyperparameters={"kernel": ("none", "5")})).table
    assert [row.header[0] for group in table.groups for row in group.rows] == ["ECA (k = 5)", "ECA (k adaptive)"]
    assert "ECA: k adaptive in all rows." in comparison.build(rows([90.0], ("eca",))).table.notes
    strip = comparison.build(rows([90.0], ("strip",), hyperparameters={"kernel": ("none",)})).table
    assert any("k = none" in note for note in strip.notes)  # that of Strip has no convolution
