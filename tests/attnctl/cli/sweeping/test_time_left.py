"""The time left of all runs is one number that holds: the promised end does not move while the pace does not."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping.time_left import TimeLeft
from attnctl.jobs.local.runner import Progress

STEPS, EPOCH = 100, 10


class Machine:
    """Runs of equal length on some places, by a clock of its own.

    A run needs `start` seconds before its first step, `pace` seconds for a step, and `evaluation` seconds after each
    epoch of ten steps.
    """

    def __init__(self, runs: int, places: int, start: float = 5.0, pace: float = 2.0, evaluation: float = 6.0) -> None:
        self.now = 1000.0
        self.time_left = TimeLeft([str(number) for number in range(runs)], lambda: self.now)
        self.places, self.start, self.pace, self.evaluation = places, start, pace, evaluation
        self._waiting = [str(number) for number in range(runs)]
        self._since: dict[str, float] = {}

    def tick(self) -> bool:
        """Go on by a second and tell the news; whether a run is left."""
        for run, since in list(self._since.items()):
            progress = self._progress(run, self.now - since - self.start)
            self.time_left.take(progress)
            if progress.state == "completed":
                del self._since[run]
        while self._waiting and len(self._since) < self.places:
            run = self._waiting.pop(0)
            self._since[run] = self.now
            self.time_left.take(Progress(run=run, state="starting"))
        self.now += 1.0
        return bool(self._since)

    def _progress(self, run: str, seconds: float) -> Progress:
        if seconds < 0:
            return Progress(run=run, state="starting")
        epochs, rest = divmod(seconds, EPOCH * self.pace + self.evaluation)
        step = int(epochs * EPOCH + min(EPOCH, rest // self.pace))
        metrics = {"top1": epochs} if epochs else {}
        state = "completed" if epochs * EPOCH >= STEPS else "running"
        return Progress(run=run, state=state, step=min(STEPS, step), steps=STEPS, metrics=metrics)


@pytest.mark.parametrize(("runs", "places"), [(1, 1), (4, 1), (5, 2), (6, 3)])
def test_the_promised_end_holds_from_the_first_estimate_to_the_last(runs: int, places: int) -> None:
    machine = Machine(runs, places)
    promised = []
    while machine.tick():
        left = machine.time_left.of_all()
        promised += [machine.now + left] if left is not None else []
    whole = machine.now - 1000.0
    assert len(promised) > 0.8 * whole / runs
    assert max(promised) - min(promised) < 0.05 * whole
    assert abs(promised[0] - machine.now) < 0.05 * whole


def test_between_two_steps_it_counts_down() -> None:
    machine = Machine(1, 1, pace=20.0)
    while machine.time_left.of_all() is None:
        machine.tick()
    before = machine.time_left.of_all()
    machine.now += 1.0
    assert before is not None
    assert machine.time_left.of_all() == pytest.approx(before - 1.0)
    assert machine.time_left.of_run("0") == machine.time_left.of_all()


def test_a_resumed_run_is_measured_from_where_it_began() -> None:
    now = 0.0
    time_left = TimeLeft(["a"], lambda: now)
    for step in (80, 81, 82, 83):
        time_left.take(Progress(run="a", state="running", step=step, steps=STEPS))
        now += 3.0
    time_left.take(Progress(run="a", state="running", step=84, steps=STEPS, metrics={"top1": 1.0}))
    assert time_left.of_all() == pytest.approx((STEPS - 84) * 3.0)


def test_nothing_is_promised_before_an_evaluation_was_measured() -> None:
    now = 0.0
    time_left = TimeLeft(["a", "b"], lambda: now)
    assert time_left.of_all() is None
    for step in range(0, STEPS // 2, 5):
        time_left.take(Progress(run="a", state="running", step=step, steps=STEPS))
        now += 1.0
        assert time_left.of_all() is None
    for step in range(STEPS // 2, STEPS, 5):  # a run that is evaluated at its end only
        time_left.take(Progress(run="a", state="running", step=step, steps=STEPS))
        now += 1.0
    assert time_left.of_run("a") == pytest.approx(0.0)
    assert time_left.of_run("b") is None
