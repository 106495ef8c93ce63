"""What a run's evaluations come to: the last epoch, the best one, and whether its attempts agree."""

from __future__ import annotations

import pytest

from attnctl.lifecycle.results import Results, Row, disagreement, of_rows
from attnctl.workspace.events import Evaluation


def evaluated(*values: tuple[int, float], name: str = "top1") -> Results:
    found = Results()
    for epoch, value in values:
        found.add(Evaluation(10 * epoch, epoch, {name: value, "loss": 1.0}))
    return found


def test_the_last_epoch_and_the_epoch_with_the_best_metric_are_found() -> None:
    found = evaluated((1, 80.0), (2, 92.0), (3, 91.0))
    assert (found.epoch, found.last["top1"]) == (3, 91.0)
    assert (found.best_epoch, found.best["top1"]) == (2, 92.0)


def test_of_equal_values_the_first_epoch_is_the_best() -> None:
    assert evaluated((1, 90.0), (2, 90.0)).best_epoch == evaluated((2, 90.0), (1, 90.0)).best_epoch == 1


def test_an_epoch_that_is_evaluated_again_is_replaced() -> None:
    found = evaluated((1, 80.0), (1, 81.0))
    assert found.last["top1"] == 81.0


@pytest.mark.parametrize("name", ["top1", "ap", "mask_ap", "map", "miou"])
def test_each_task_has_a_metric_that_decides(name: str) -> None:
    assert evaluated((1, 10.0), (2, 5.0), name=name).best_epoch == 1


def test_if_masks_are_measured_they_are_primary() -> None:
    found = Results()
    found.add(Evaluation(10, 1, {"ap": 9.0, "mask_ap": 1.0}))
    found.add(Evaluation(20, 2, {"ap": 1.0, "mask_ap": 2.0}))
    assert found.best_epoch == 2


def test_without_a_metric_that_decides_no_epoch_is_the_best() -> None:
    found = evaluated((1, 0.5), name="train_loss")
    assert (found.epoch, found.best_epoch, found.best) == (1, None, {})


def test_of_a_step_that_two_attempts_trained_the_later_counts() -> None:
    rows: list[Row] = [(10, "top1", 1, 0, 1, 80.0), (20, "top1", 1, 0, 2, 95.0), (20, "top1", 2, 0, 2, 90.0)]
    found = of_rows(rows)
    assert (found.epoch, found.last, found.best) == (2, {"top1": 90.0}, {"top1": 90.0})


@pytest.mark.parametrize(
    ("devices", "name", "told"),
    [
        ({(1, 0): "cpu", (2, 0): "cpu"}, "loss", True),
        ({(1, 0): "cpu", (2, 0): "NVIDIA A100"}, "loss", False),
        ({(1, 0): "cpu", (2, 0): "cpu"}, "images_per_s", False),
    ],
)
def test_attempts_on_the_cpu_must_have_equal_metrics(
    devices: dict[tuple[int, int], str], name: str, told: bool
) -> None:
    rows: list[Row] = [(10, name, 1, 0, 1, 0.5), (10, name, 2, 0, 1, 0.25)]
    words = disagreement(rows, devices)
    assert (words is not None) is told
    if words:
        assert "1.0 and 2.0" in words
        assert "0.5 and 0.25" in words
    assert disagreement([rows[0], (*rows[0][:2], 2, *rows[0][3:])], devices) is None
