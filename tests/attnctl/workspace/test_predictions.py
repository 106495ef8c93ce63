"""Predictions are kept in the smallest type, and damaged files are never read wrongly."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from attnctl.workspace import evaluations, predictions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.predictions import Predictions
from attnctl.workspace.records import RecordError
from tests.attnctl.workspace.test_evaluations import EVALUATION

PREDICTIONS = Predictions(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), np.zeros(4, int))


def test_kept_predictions_are_read_again(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("0" * 16)
    assert predictions.read(run, EVALUATION) is None
    path = evaluations.write(run, EVALUATION, PREDICTIONS.encode()).with_suffix(".npz")
    kept = predictions.read(run, EVALUATION)
    assert kept is not None
    assert (str(kept.predicted.dtype), kept.right.tolist()) == ("uint8", [True, False, False, True])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RecordError, match=r"\.npz has no predictions"):
        predictions.read(run, EVALUATION)


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
