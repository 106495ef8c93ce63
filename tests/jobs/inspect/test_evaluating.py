"""Trained networks on other images: on their own test images they reach what their training recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attnctl.jobs.inspect import evaluating
from attnctl.jobs.inspect.evaluating import Results
from attnctl.settings.config import DataRoots
from tests.jobs.data.test_evaluated import write_digits
from tests.jobs.inspect.conftest import Train

ROOTS = DataRoots()


def evaluate(trained: Train, dataset: str | None = None, **more: object) -> Results:
    found = trained("none")
    images = evaluating.open_images(found, dataset, "test", ROOTS)
    return evaluating.evaluate(found, images, dataset=dataset or "digits", split="test")


def test_the_record_agrees_with_the_predictions(trained: Train) -> None:
    results = evaluate(trained)
    found, predictions = results.evaluation, results.predictions
    assert (found.images, found.step, len(found.parts), len(found.classes)) == (360, 2, 1, 10)
    assert found.metrics["top1"] == pytest.approx(100 * predictions.right.mean())
    assert found.metrics["top1"] <= found.metrics["top5"] <= 100
    assert sum(right for right, _ in found.by_class) == predictions.right.sum()
    assert sum(images for _, images in found.by_class) == 360
    assert sum(count for _, _, count in found.confused) == (~predictions.right).sum()
    rows = list(results.rows())
    assert len(rows) == 360
    assert [true == predicted for _, _, _, true, predicted, _ in rows] == predictions.right.tolist()
    assert all(0.1 <= confidence <= 1 for *_, confidence in rows)


def test_a_folder_with_the_same_images_has_the_same_results(trained: Train, tmp_path: Path) -> None:
    write_digits(tmp_path, each=1000)
    ours, folder = evaluate(trained), evaluate(trained, str(tmp_path))
    assert folder.evaluation.images == 360
    assert folder.evaluation.metrics["top1"] == pytest.approx(ours.evaluation.metrics["top1"], abs=0.6)
    assert folder.evaluation.metrics["loss"] == pytest.approx(ours.evaluation.metrics["loss"], rel=0.01)
    assert folder.evaluation.content != ours.evaluation.content


def test_metrics_of_corruptions_are_the_mean_over_all_parts(trained: Train, tmp_path: Path) -> None:
    write_digits(tmp_path / "noise" / "1", each=1)
    write_digits(tmp_path / "noise" / "2", each=3)
    found = evaluate(trained, str(tmp_path)).evaluation
    first, second = found.parts
    assert (first.images, second.images, found.images) == (10, 30, 40)
    assert found.metrics["top1"] == pytest.approx((first.metrics["top1"] + second.metrics["top1"]) / 2)
    assert np.isclose(found.metrics["ece"], (first.metrics["ece"] + second.metrics["ece"]) / 2)
