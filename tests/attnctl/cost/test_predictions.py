"""Estimates of completed runs beside their measured times."""

from __future__ import annotations

import pytest

from attnctl.cost.predictions import accuracy, predictions
from attnctl.cost.shapes import length_of
from tests.attnctl.cost.measured import observed, spec

FIRST, LONGER, OTHER = spec(), spec(epochs="4"), spec("ela")
SPECS = {run.id: run for run in (FIRST, LONGER, OTHER)}
IMAGES = length_of(FIRST).images


def test_a_run_is_predicted_from_what_was_measured_before_it_was_submitted() -> None:
    measured = [
        observed(FIRST, IMAGES / 10, asked=100.0, at=110.0, seconds=10.0, evaluation_seconds=0.0),
        observed(LONGER, IMAGES / 12, asked=200.0, at=224.0, seconds=24.0, evaluation_seconds=0.0),
        observed(OTHER, IMAGES / 10, asked=50.0, at=300.0, seconds=None),
    ]
    first, longer = predictions(measured, SPECS)
    assert first.estimate is not None
    assert first.estimate.kind == "counts", "nothing had been measured"
    assert longer.estimate is not None
    assert longer.estimate.kind == "measured"
    assert longer.estimate.likely == pytest.approx(20.0)
    assert longer.error == pytest.approx(20 / 24 - 1)
    assert longer.held
    assert [item.runs for item in predictions(measured, SPECS, {LONGER.id})] == [(LONGER.id,)]


def test_runs_of_one_submission_shape_and_length_are_one_prediction() -> None:
    runs = [observed(FIRST, IMAGES / 10, seconds=seconds) for seconds in (10.0, 14.0)]
    (made,) = predictions(runs, SPECS)
    assert made.measured == 12.0


def test_the_accuracy_is_given_for_each_kind_of_estimate() -> None:
    measured = [
        observed(FIRST, IMAGES / 10, asked=1.0, at=2.0, seconds=10.0, evaluation_seconds=0.0),
        observed(FIRST, IMAGES / 10, asked=3.0, at=4.0, seconds=100.0, evaluation_seconds=0.0),
    ]
    found = accuracy(predictions(measured, SPECS))
    assert list(found) == ["counts", "measured"]
    assert found["measured"].error == pytest.approx(0.9)
    assert found["measured"].held == 0
