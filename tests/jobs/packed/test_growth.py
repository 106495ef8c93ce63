"""How many runs of a job train at the same time: the rule, from curves of speeds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from attnctl.jobs.packed.growth import SAMPLES, THRESHOLD, Growth, gain


def test_the_gain_compares_each_run_with_itself_and_counts_the_newest_as_average() -> None:
    assert gain({"a": 100.0}, {"a": 90.0, "b": 5.0}) == pytest.approx(1.8)
    assert gain({"a": 100.0, "b": 10.0}, {"a": 50.0, "b": 10.0, "c": 1.0}) == pytest.approx(1.5 * 0.75)
    assert gain({"gone": 100.0}, {"b": 60.0, "c": 60.0}) == pytest.approx(1.2)
    assert gain({}, {"a": 1.0}) is None


def grown(speed: Callable[[int], float], most: int, fits: Callable[[int], bool] = lambda _: True) -> Growth:
    """The decision where each of k runs that train together has the speed(k)."""
    growth = Growth(most=most)
    for _ in range(2 * most + 2):
        running = growth.allowed
        growth.decide({f"run{k}": [speed(running)] * SAMPLES for k in range(running)}, fits)
    return growth


@pytest.mark.parametrize(
    ("throughput", "most", "number"),
    [
        ([100, 190, 270, 330, 340], 8, 4),
        ([100, 101], 4, 1),
        ([100, 180, 185, 400], 4, 2),  # it stops at the first that does not pay
        ([100, 109.9], 4, 1),
        ([100, 110.1, 112], 4, 2),
        ([100, 200, 300, 400], 4, 4),
        ([100, 50], 4, 1),
    ],
)
def test_runs_are_added_while_the_last_one_has_paid(throughput: list[float], most: int, number: int) -> None:
    found = grown(lambda k: throughput[k - 1] / k, most)
    assert found.allowed == number
    assert found.settled == ("the job has no more places" if number == most else "one more does not pay")
    assert all(value >= THRESHOLD for value in found.gains[: number - 1])


def test_no_run_is_added_that_the_gpus_memory_has_no_room_for() -> None:
    found = grown(lambda _: 100.0, 8, lambda running: running < 3)
    assert (found.allowed, found.settled) == (3, "the GPU's memory does not suffice for one more")
    assert found.gains == pytest.approx([2.0, 1.5])


def test_nothing_is_decided_before_all_runs_have_been_measured() -> None:
    growth = Growth(most=4)
    growth.decide({"a": [1.0] * (SAMPLES - 1)}, lambda _: True)
    assert growth.allowed == 1
    growth.decide({"a": [1.0] * SAMPLES}, lambda _: True)
    assert growth.allowed == 2
    growth.decide({"a": [1.0] * SAMPLES}, lambda _: True)  # the second has not started
    growth.decide({"a": [1.0] * SAMPLES, "b": []}, lambda _: True)
    assert (growth.allowed, growth.gains, growth.settled) == (2, [], "")


def test_one_odd_measurement_does_not_count() -> None:
    growth = Growth(most=2)
    growth.decide({"a": [100.0] * SAMPLES}, lambda _: True)
    growth.decide({"a": [*[90.0] * SAMPLES, 1.0], "b": [*[90.0] * SAMPLES, 1.0]}, lambda _: True)
    assert growth.gains == pytest.approx([1.8])


def test_a_run_that_exceeds_the_gpus_memory_lowers_the_number() -> None:
    growth = Growth(most=4, allowed=3)
    growth.out_of_memory(1)
    assert (growth.allowed, growth.settled) == (3, "")
    growth.out_of_memory(3)
    assert (growth.allowed, growth.settled) == (2, "the GPU's memory does not suffice for one more")


def test_what_is_known_when_no_run_is_left_is_kept() -> None:
    growth = Growth(most=4)
    growth.end()
    assert growth.settled == ""
    for running in (1, 2):
        growth.decide({f"run{k}": [100.0] * SAMPLES for k in range(running)}, lambda _: True)
    growth.end()
    assert (growth.allowed, growth.settled) == (2, "no further run was left to measure")
