"""How often ranks agree, and how fast a training is."""

import time
from collections.abc import Iterator

from attnctl.jobs.runtime.clock import RunningClock
from attnctl.jobs.training.pace import INTERVAL, Cadence, CheckpointBudget, Lap, Meter, TimeLimitMargin


def test_agreements_happen_about_once_per_interval() -> None:
    now = 0.0
    cadence, step, gaps = Cadence(lambda: now), 0, []
    for _ in range(12):
        wait = cadence.propose(step)
        gaps.append(wait)
        step, now = step + wait, now + wait * 0.01
    assert gaps[:3] == [1, 2, 4]
    assert gaps[-1] == round(INTERVAL / 0.01)
    now += 100
    assert cadence.propose(step + 1) == 1


def test_the_meter_measures_loss_and_speed_since_the_last_lap() -> None:
    now = 10.0
    meter = Meter(lambda: now, lambda: 0.0)
    meter.restart(5, losses=7.0)
    now += 0.5
    assert meter.lap(6, 8.0) is None
    now += 1.5
    assert meter.lap(9, 15.0) == Lap(loss=2.0, steps_per_s=2.0, waited=0.0, cores=0.0)
    assert meter.speed(9) == 2.0


def test_the_meter_tells_how_long_steps_waited_for_data_and_how_many_cores_worked() -> None:
    now, busy = 0.0, 0.0

    def slow() -> Iterator[int]:
        nonlocal now
        for number in range(4):
            now += 3.0
            yield number

    meter = Meter(lambda: now, lambda: busy, lambda: now)
    batches = meter.watched(slow())
    for step in (1, 2):
        assert next(batches) == step - 1
        now, busy = now + 1.0, busy + 6.0
    assert meter.lap(2, 0.0) == Lap(loss=0.0, steps_per_s=0.25, waited=0.75, cores=1.5)
    meter.restart(2)
    now += 8.0  # steps without a wait, and with idle cores: the shares are of the whole time
    assert meter.lap(10, 0.0) == Lap(loss=0.0, steps_per_s=1.0, waited=0.375, cores=0.75)
    assert list(batches) == [2, 3]


def test_a_suspended_job_keeps_its_time_and_its_speed() -> None:
    now = 0.0
    clock = RunningClock(lambda: now)
    clock.start()
    margin, meter = TimeLimitMargin(clock), Meter(clock.now)
    end = time.time() + 300
    for step in range(3):
        assert not margin.is_due(end)
        now += 2
        meter.speed(step)
    now += 100_000
    assert not margin.is_due(end - 99_000), "SLURM has moved the limit by the time of the stop"
    assert meter.speed(3) == 0.5
    assert margin.is_due(end - 100_290)


def test_an_epoch_that_ends_while_a_checkpoint_is_written_saves_none_unless_one_is_due() -> None:
    budget = CheckpointBudget()
    assert budget.allows(1.0, 300.0)
    assert not budget.allows(1.0, 300.0, writing=True)
    assert budget.allows(300.0, 300.0, writing=True)
    budget.saved(0.5)
    assert [budget.allows(since, 300.0) for since in (49.0, 50.0)] == [False, True]
    budget.saved(9.0)
    assert [budget.allows(since, 300.0) for since in (299.0, 300.0)] == [False, True]
