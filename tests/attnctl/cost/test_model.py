"""Estimates: measured, scaled, or from counts."""

from __future__ import annotations

import dataclasses

import pytest

from attnctl.cost.model import CostModel, Estimate
from attnctl.cost.shapes import Machine, length_of
from attnctl.spec import RunSpec
from tests.attnctl.cost.measured import observed, spec


def known(model: CostModel, run: RunSpec, machine: Machine | None = None) -> Estimate:
    estimate = model.estimate(run, machine)
    assert estimate is not None
    assert 0 < estimate.low <= estimate.likely <= estimate.high
    return estimate


def test_a_measured_shape_takes_what_was_measured_for_any_number_of_epochs_and_any_seed() -> None:
    model = CostModel([observed(spec(), 1000.0, evaluation_seconds=0.001)])
    for run in (spec(), spec(epochs="20"), dataclasses.replace(spec(lr="0.5"), seed=3)):
        length = length_of(run)
        estimate = known(model, run)
        assert estimate.kind == "measured"
        assert estimate.source == "1 run of this shape"
        assert estimate.likely == pytest.approx(length.images / 1000 + length.evaluated * 0.001)


def test_the_range_of_a_measured_shape_holds_all_measurements() -> None:
    runs = [observed(spec(), speed, evaluation_seconds=0.0, run=str(speed)) for speed in (500.0, 1000.0, 1100.0)]
    estimate = known(CostModel(runs), spec())
    images = length_of(spec()).images
    assert estimate.source == "3 runs of this shape"
    assert estimate.likely == pytest.approx(images / 1000)
    assert estimate.low < images / 1100
    assert estimate.high > images / 500


def test_a_module_that_was_never_measured_is_scaled_from_the_nearest_one() -> None:
    far = observed(spec("none", backbone="resnet56"), 300.0)
    near = observed(spec("none"), 1000.0)
    estimate = known(CostModel([far, near]), spec("se"))
    assert estimate.kind == "scaled"
    assert estimate.source == "scaled from none on resnet20 (1 run)"
    assert estimate.low < known(CostModel([near]), spec("none")).likely < estimate.high


def test_without_measurements_counts_are_used_with_the_assumed_speed() -> None:
    model = CostModel([])
    estimate = known(model, spec())
    assert estimate.kind == "counts"
    assert estimate.source == "counted operations at an assumed 30 GFLOP/s of a CPU core"
    assert estimate.high / estimate.low == pytest.approx(9.0)
    gpu = known(model, spec(backbone="resnet50", dataset="imagenet"), Machine(device="a100", threads=32))
    assert "A100" in gpu.source
    assert known(model, spec(backbone="resnet50", dataset="imagenet"), Machine(device="cuda")).likely > gpu.likely


def test_more_processes_share_the_work() -> None:
    one = known(CostModel([]), spec(batch="512"))
    four = known(CostModel([]), spec(batch="512"), Machine(world=4))
    assert four.likely == pytest.approx(one.likely / 4, rel=0.05)


def test_a_trial_counts_as_a_measurement() -> None:
    trial = observed(spec(), 1000.0, kind="trial")
    estimate = known(CostModel([trial]), spec())
    assert (estimate.kind, estimate.source) == ("measured", "a trial of this shape")


def test_a_network_of_which_nothing_is_known_has_no_estimate() -> None:
    unknown = dataclasses.replace(spec(), backbone="./net.py:build")
    assert CostModel([]).estimate(unknown) is None


def test_the_newest_completed_run_of_a_shape_is_found() -> None:
    runs = [
        observed(spec(), 1000.0, run="a", at=1.0, seconds=5.0),
        observed(spec(), 1000.0, run="b", at=2.0, seconds=5.0),
        observed(spec(), 1000.0, run="c", at=3.0),
    ]
    assert CostModel(runs).newest(spec(epochs="9"), Machine()) == "b"
    assert CostModel(runs).newest(spec("ela"), Machine()) is None
