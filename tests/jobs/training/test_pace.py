"""How often ranks agree, and how fast a training is."""

import pytest

from attnctl.jobs.training.pace import INTERVAL, Cadence, Meter


def test_agreements_happen_about_once_per_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("attnctl.jobs.training.pace.time.monotonic", lambda: now)
    cadence, step, gaps = Cadence(), 0, []
    for _ in range(12):
        wait = cadence.propose(step)
        gaps.append(wait)
        step, now = step + wait, now + wait * 0.01
    assert gaps[:3] == [1, 2, 4]
    assert gaps[-1] == round(INTERVAL / 0.01)
    now += 100
    assert cadence.propose(step + 1) == 1


def test_the_meter_measures_loss_and_speed_since_the_last_lap(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10.0
    monkeypatch.setattr("attnctl.jobs.training.pace.time.monotonic", lambda: now)
    meter = Meter()
    meter.restart(5, losses=7.0)
    now += 0.5
    assert meter.lap(6, 8.0) is None
    now += 1.5
    assert meter.lap(9, 15.0) == (2.0, 2.0)
    assert meter.speed(9) == 2.0
