"""A clock that stands still while the process is stopped, on a time that the test sets."""

from attnctl.jobs.runtime.clock import RunningClock


def test_a_stop_between_two_readings_does_not_count() -> None:
    now = 100.0
    clock = RunningClock(lambda: now)
    clock.start()
    began = clock.now()
    for _ in range(10):
        now += 5
        assert clock.stopped == 0.0
    assert clock.now() - began == 50.0
    now += 600
    assert (clock.now() - began, clock.stopped) == (50.0, 600.0)
    now += 5
    assert (clock.now() - began, clock.stopped) == (55.0, 600.0)


def test_without_regular_readings_a_long_time_is_no_stop() -> None:
    now = 0.0
    clock = RunningClock(lambda: now)
    now += 600
    assert (clock.now(), clock.stopped) == (600.0, 0.0)
    clock.start()
    now += 600
    assert (clock.now(), clock.stopped) == (600.0, 600.0)
    clock.stop()
    now += 600
    assert (clock.now(), clock.stopped) == (1200.0, 600.0)
