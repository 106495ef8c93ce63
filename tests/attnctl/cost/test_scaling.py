"""The time of a shape from that of another."""

from __future__ import annotations

import pytest

from attnctl.cost.scaling import Factor, forwards_of, scaled, work_of
from attnctl.cost.shapes import Machine, shape_of
from tests.attnctl.cost.measured import observed, spec


def test_the_range_holds_all_bounds_and_is_wider_by_the_doubt() -> None:
    factor = Factor.of(2.0, 1.5, 1.0, 4.0)
    assert factor.low == pytest.approx(1 / 1.5)
    assert (factor.likely, factor.high) == (2.0, 6.0)
    assert Factor().width == 0.0
    assert (factor * factor).width == pytest.approx(2 * factor.width)


def test_the_work_of_a_network_is_known_without_torch_and_grows_with_its_input() -> None:
    small, large = work_of(shape_of(spec(input_size="16"))), work_of(shape_of(spec()))
    assert small is not None
    assert large is not None
    assert large.macs == pytest.approx(4 * small.macs, rel=0.01)
    assert large.parameters == pytest.approx(272_474, rel=0.05)
    assert not large.exact, "the module is not counted"


def test_a_larger_network_takes_longer_and_is_less_certain_than_a_similar_one() -> None:
    measured = observed(spec("none"), 1000.0)
    other_module = scaled(measured, shape_of(spec("se")), Machine())
    larger = scaled(measured, shape_of(spec("none", backbone="resnet56")), Machine())
    assert other_module is not None
    assert larger is not None
    assert other_module.likely == pytest.approx(1.0, abs=0.1)
    assert 2.0 < larger.likely < 4.0, "resnet56 has three times the work of resnet20"
    assert larger.low < larger.likely < larger.high
    assert larger.width > other_module.width > 0


def test_more_threads_may_help_or_not() -> None:
    measured = observed(spec(), 1000.0)
    factor = scaled(measured, shape_of(spec()), Machine(threads=4))
    assert factor is not None
    assert factor.low < 0.25 < factor.likely < 1.0 < factor.high


def test_a_cpu_says_nothing_of_a_gpu_and_a_classifier_nothing_of_a_detector() -> None:
    measured = observed(spec(), 1000.0)
    assert scaled(measured, shape_of(spec()), Machine(device="a100")) is None


def test_replicas_that_share_a_forward_cost_less_than_forwards_of_their_own() -> None:
    joined = shape_of(spec(norm_batch="32"))
    separate = shape_of(spec(norm_batch="32", compile="true"))
    assert forwards_of(shape_of(spec(norm_batch="128")), Machine()) == 1
    assert forwards_of(separate, Machine()) == 4
    assert 1 < forwards_of(joined, Machine()) < 4


def test_as_many_replicas_share_a_forward_as_fit_in_the_memory_that_training_allows() -> None:
    small = shape_of(spec(norm_batch="32"))
    large = shape_of(spec(backbone="resnet50_cifar", norm_batch="32"))
    assert forwards_of(large, Machine()) == 4, "one of its replicas keeps 0.8 GB, and a CPU's joint forward 1 GiB"
    assert forwards_of(large, Machine(device="a100")) == forwards_of(small, Machine(device="a100"))
    huge = shape_of(spec(backbone="resnet50_cifar", batch="512"))
    assert forwards_of(huge, Machine(device="h200")) < forwards_of(huge, Machine(device="t4")) < 8


@pytest.mark.parametrize("machine", [Machine(), Machine(device="a100")])
def test_a_smaller_norm_batch_takes_longer_by_less_than_its_operations(machine: Machine) -> None:
    measured = observed(spec(norm_batch="128"), 1000.0, machine)
    factor = scaled(measured, shape_of(spec(norm_batch="32")), machine)
    assert factor is not None
    assert 1 < factor.likely < forwards_of(shape_of(spec(norm_batch="32")), machine)
