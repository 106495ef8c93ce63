"""Evaluations are kept in the run's folder, apart from its metrics, and damaged ones are never read wrongly."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attnctl.workspace import evaluations
from attnctl.workspace.evaluations import Evaluation, Part, Predictions
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import RecordError

METRICS = {"top1": 50.0, "top5": 100.0, "loss": 0.7, "ece": 12.5}
EVALUATION = Evaluation(
    at=10.0,
    dataset="./digits-c",
    split="test",
    content="a" * 64,
    step=5,
    images=4,
    metrics=METRICS,
    parts=(Part(corruption="noise", severity=1, images=4, metrics=METRICS),),
    classes=("cat", "dog"),
    by_class=((1, 2), (1, 2)),
    confused=((0, 1, 1), (1, 0, 1)),
)
PREDICTIONS = Predictions(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), np.zeros(4, int))


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return Workspace(tmp_path).run("0" * 16)


def test_a_new_evaluation_replaces_the_one_of_the_same_images(run: RunDir) -> None:
    assert evaluations.read(run) == []
    evaluations.write(run, EVALUATION, PREDICTIONS)
    other = replace(EVALUATION, dataset="digits", at=11.0)
    evaluations.write(run, other, None)
    assert evaluations.read(run) == [other, EVALUATION]
    kept = evaluations.predictions(run, EVALUATION)
    assert kept is not None
    assert (str(kept.predicted.dtype), kept.right.tolist()) == ("uint8", [True, False, False, True])
    assert evaluations.predictions(run, other) is None
    newer = replace(EVALUATION, at=12.0)
    evaluations.write(run, newer, None)
    assert evaluations.read(run) == [newer, other]
    assert evaluations.predictions(run, newer) is None, "they would be those of another evaluation"


def test_a_damaged_file_is_skipped(run: RunDir) -> None:
    path = evaluations.write(run, EVALUATION, PREDICTIONS)
    path.write_bytes(path.read_bytes()[:-9])
    assert evaluations.read(run) == []
    kept = path.with_suffix(".npz")
    kept.write_bytes(kept.read_bytes()[:-30])
    with pytest.raises(RecordError, match=r"\.npz has no predictions"):
        evaluations.predictions(run, EVALUATION)


@pytest.mark.parametrize(
    "arrays",
    [
        {"predicted": np.zeros(3, np.uint8)},
        dict.fromkeys(("predicted", "labels", "parts"), np.zeros((2, 2), np.uint8)),
        dict.fromkeys(("predicted", "labels", "parts"), np.array(["a"])),
        {"predicted": np.zeros(3, np.uint8), "labels": np.zeros(2, np.uint8), "parts": np.zeros(3, np.uint8)},
    ],
    ids=["missing", "matrix", "text", "lengths"],
)
def test_other_arrays_are_no_predictions(arrays: dict[str, np.ndarray]) -> None:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    with pytest.raises(RecordError, match="has no predictions"):
        Predictions.decode(stream.getvalue())


def test_large_class_numbers_keep_their_values() -> None:
    classes = np.array([0, 255, 256, 70_000])
    found = Predictions.decode(Predictions(classes, classes[:4], classes).encode())
    assert np.array_equal(found.predicted, classes)


def test_a_record_that_contradicts_itself_is_refused() -> None:
    for change in ({"classes": ("cat",)}, {"confused": ((0, 2, 1),)}):
        with pytest.raises(ValueError, match=r"it (has 1 classes|names a class that there is not)"):
            replace(EVALUATION, **change)
