"""The display of runs that are trained on this machine."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping.progress import display, ending, news, standing, stopping
from attnctl.cli.sweeping.time_left import TimeLeft
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


def test_in_a_pipe_a_line_is_written_when_a_state_or_a_metric_changes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("attnctl.cli.sweeping.progress.TimeLeft", lambda runs: TimeLeft(runs, lambda: now))
    with display(SPECS) as show:
        show(at("queued"))
        show(at("starting"))
        show(at("running", 0))
        for step in range(1, 20):
            now += 10.0
            show(at("running", step))
        now += 10.0
        show(at("running", 20, top1=50.0))
        show(at("running", 20, top1=50.0))
        now += 200.0
        show(at("completed", 40, top1=92.5))
        show(at("running", 0, number=1))
    captured = capsys.readouterr()
    assert captured.out == "", "standard output holds results alone"
    assert captured.err.splitlines() == [
        "[0/2] se seed 0: starting",
        "[0/2] se seed 0: step 0/40, 800 images/s",
        "[0/2] se seed 0: step 20/40, top-1 50.00 %, 800 images/s; all runs: 10 min left",
        "[1/2] se seed 0: completed, top-1 92.50 %",
        "[1/2] se seed 1: step 0/40, 800 images/s",
    ]


@pytest.mark.parametrize(
    ("count", "names", "words"),
    [
        (1, ["se"], "Stopping: 1 run (se) saves its checkpoint, in at most 60 s. Press Ctrl-C again to kill."),
        (1, ["a", "b"], "Stopping: 2 runs (a, b) save their checkpoints, in at most 60 s. Press Ctrl-C again to kill."),
        (2, list("abcdef"), "Stopping now: killing 6 runs (a, b, c, d and 2 more)."),
        (1, [], "Stopping."),
    ],
)
def test_ctrl_c_names_the_runs_that_it_waits_for(count: int, names: list[str], words: str) -> None:
    assert stopping(count, names) == words
