"""The display of runs that are trained on this machine."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping import progress
from attnctl.cli.sweeping.progress import display, ending, news, standing
from attnctl.grid import Axes, expand
from attnctl.jobs.local.runner import Progress

SPECS = expand(Axes(modules=("se",), seeds=("0", "1"))).specs


def at(state: str, step: int = 0, number: int = 0, **metrics: float) -> Progress:
    return Progress(run=SPECS[number].id, state=state, step=step, steps=40, metrics=metrics, images_per_s=800.4)


def test_an_active_run_is_shown_with_step_metric_and_speed() -> None:
    assert news(at("running", 10, top1=91.216)) == "step 10/40, top-1 91.22 %, 800 images/s"
    assert news(at("running", 10, top1=91.216), steps=False) == "top-1 91.22 %, 800 images/s"
    assert news(at("starting")) == "starting"


def test_the_figure_is_that_of_the_task() -> None:
    assert standing({"ap": 31.2, "loss": 1.0}) == "AP 31.20 %"
    assert standing({"loss": 1.0}) == ""


def test_an_ended_run_is_shown_with_its_state_and_last_metric() -> None:
    assert ending(at("completed", 40, top1=92.5)) == "completed, top-1 92.50 %"
    assert ending(at("code error", 3)) == "code error"


def test_in_a_pipe_a_line_is_written_when_a_state_changes_and_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("attnctl.cli.sweeping.progress.time.monotonic", lambda: now)
    with display(SPECS) as show:
        show(at("queued"))
        show(at("running", 1))
        show(at("running", 2))  # too soon
        now += progress.LINE_EVERY
        show(at("running", 30))
        show(at("completed", 40, top1=92.5))
        show(at("running", 1, number=1))
    captured = capsys.readouterr()
    assert captured.out == "", "standard output holds results alone"
    assert captured.err.splitlines() == [
        "[0/2] se seed 0: step 1/40, 800 images/s",
        "[0/2] se seed 0: step 30/40, 800 images/s",
        "[1/2] se seed 0: completed, top-1 92.50 %",
        "[1/2] se seed 1: step 1/40, 800 images/s",
    ]
