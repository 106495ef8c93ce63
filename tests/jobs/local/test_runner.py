"""Runs on this machine: real workers, supervised by a real process of its own."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import psutil
import pytest

from attnctl.jobs.local import gpu_slots, runner
from attnctl.jobs.local.runner import Progress
from attnctl.jobs.slurm.cancel import cancel
from attnctl.jobs.slurm.observe import observe, workers
from attnctl.jobs.submission.submit import submit
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import State, Verdict
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt
from attnctl.workspace.records import Placed, Request, Resources

Specs = Callable[..., list[RunSpec]]
ENDLESS = 10_000  # epochs: only what a test does ends such a run
CONTEXT = multiprocessing.get_context("spawn")  # a process of its own has not imported what these tests have


def supervise(config: Config, specs: list[RunSpec], resources: Resources, results: Any) -> None:
    """In a process of its own, as a user's terminal would have it."""
    submitted = submit(config, specs, resources, config.slurm, "local")
    try:
        runner.run(config, submitted, resources, None, results.put, lambda *news: results.put(news))
        results.put("returned" if "torch" not in sys.modules else "returned, and has imported torch")
    except KeyboardInterrupt:
        results.put("interrupted")


class Terminal:
    """A supervisor, and what it has reported."""

    def __init__(self, config: Config, specs: list[RunSpec], resources: Resources) -> None:
        self.results = CONTEXT.Queue()
        self.config, self.specs = config, specs
        self.seen: list[Any] = []
        self.process: BaseProcess = CONTEXT.Process(target=supervise, args=(config, specs, resources, self.results))

    def until(self, wanted: Callable[[Any], bool], seconds: float = 90) -> Any:
        end = time.monotonic() + seconds
        while True:
            found = self.results.get(timeout=max(0.1, end - time.monotonic()))
            self.seen.append(found)
            if wanted(found):
                return found

    def attempt(self, number: int = 0) -> Attempt:
        return self.config.workspace.run(self.specs[number].id).attempt(1)

    def verdict(self, number: int = 0) -> Verdict:
        attempt = self.attempt(number)
        request = Request.read(attempt.request)
        assert request is not None
        return evidence.verdict(attempt, request, lambda tag: submissions.head(self.config.workspace.submission(tag)))

    def placed(self, number: int = 0) -> Placed:
        request = Request.read(self.attempt(number).request)
        assert request is not None
        head = submissions.head(self.config.workspace.submission(request.tag))
        assert head is not None
        return Placed(
            run=self.specs[number].id,
            attempt=1,
            tag=request.tag,
            where="local",
            job_id=head.job_id,
            created=request.created,
        )


@contextlib.contextmanager
def terminal(config: Config, specs: list[RunSpec], resources: Resources | None = None) -> Iterator[Terminal]:
    started = Terminal(config, specs, resources or Resources())
    started.process.start()
    try:
        yield started
    finally:
        if started.process.is_alive():
            started.process.kill()
        started.process.join(10)


def training(found: Any) -> bool:
    return isinstance(found, Progress) and found.step > 0


def ended(pids: list[int], seconds: float = 15) -> bool:
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return not psutil.wait_procs(processes, seconds)[1]


def test_runs_are_trained_to_completion_with_progress(config: Config, make_specs: Specs) -> None:
    with terminal(config, make_specs(2)) as started:
        assert started.until(lambda found: isinstance(found, str)) == "returned"
    for number, spec in enumerate(started.specs):
        mine = [found for found in started.seen if isinstance(found, Progress) and found.run == spec.id]
        assert [mine[0].state, mine[-1].state] == ["starting", "completed"]
        assert mine[-1].step == mine[-1].steps == 11
        assert mine[-1].images_per_s > 0
        assert 0 <= mine[-1].metrics["top1"] <= 100
        assert started.verdict(number).state is State.COMPLETED
        assert [item.word for item in started.attempt(number).observations()] == ["RUNNING", "COMPLETED"]
        assert observe(config.workspace, [started.placed(number)]).unavailable is None
        assert len(started.attempt(number).observations()) == 2


def test_ctrl_c_saves_and_starts_nothing_new(config: Config, make_specs: Specs) -> None:
    with terminal(config, make_specs(3, ENDLESS)) as started:
        started.until(training)
        pressed = time.monotonic()
        os.kill(started.process.pid or 0, signal.SIGINT)
        count, waited_for = started.until(lambda found: isinstance(found, tuple))
        assert count == 1
        assert set(waited_for) <= {spec.id for spec in started.specs}
        assert started.specs[0].id in waited_for
        assert time.monotonic() - pressed < 5, "it says at once what it waits for"
        assert started.until(lambda found: isinstance(found, str)) == "interrupted"
        assert started.process.is_alive() or started.process.exitcode is not None
    assert started.verdict(0).state is State.CANCELLED
    assert started.verdict(0).reason == "it was stopped while it trained"
    exits = started.attempt(0).incarnation(0).exits()
    assert [(item.outcome, item.step > 0) for item in exits] == [("interrupted", True)]
    assert list(config.workspace.run(started.specs[0].id).checkpoints.iterdir())
    third = started.attempt(2)
    assert not third.incarnations()
    assert started.verdict(2).state is State.CANCELLED
    assert started.verdict(2).reason == "it was stopped before it was started"


def test_ctrl_c_while_the_workers_start_counts_as_cancelled(config: Config, make_specs: Specs) -> None:
    with terminal(config, make_specs(1, ENDLESS)) as started:
        started.until(lambda found: isinstance(found, Progress) and found.state == "starting")
        os.kill(started.process.pid or 0, signal.SIGINT)
        assert started.until(lambda found: isinstance(found, str)) == "interrupted"
    assert started.verdict().state is State.CANCELLED


def test_a_second_ctrl_c_kills_the_workers(config: Config, make_specs: Specs) -> None:
    with terminal(config, make_specs(1, ENDLESS)) as started:
        started.until(lambda found: isinstance(found, Progress))
        pids = workers(started.attempt())
        assert len(pids) == 1
        os.kill(pids[0], signal.SIGSTOP)  # so that it cannot heed the first
        os.kill(started.process.pid or 0, signal.SIGINT)
        time.sleep(1)
        assert psutil.pid_exists(pids[0])
        os.kill(started.process.pid or 0, signal.SIGINT)
        assert started.until(lambda found: isinstance(found, str), 20) == "interrupted"
        assert ended(pids)
    assert started.verdict().state is State.KILLED
    assert started.verdict().reason == "the process ended, exit code 0:9"


def test_a_killed_supervisor_leaves_no_worker_behind(config: Config, make_specs: Specs) -> None:
    with terminal(config, make_specs(1, ENDLESS)) as started:
        started.until(training)
        pids = workers(started.attempt())
        os.kill(started.process.pid or 0, signal.SIGKILL)
        started.process.join(10)
        assert ended(pids, 30)
    assert [item.outcome for item in started.attempt().incarnation(0).exits()] == ["interrupted"]
    assert observe(config.workspace, [started.placed()]).unavailable is None
    assert started.verdict().state is State.CANCELLED


def test_when_a_rank_is_killed_the_other_ends_within_seconds(config: Config, make_specs: Specs) -> None:
    with terminal(config, make_specs(1, ENDLESS), Resources(tasks_per_node=2)) as started:
        started.until(training)
        pids = workers(started.attempt())
        assert len(pids) == 2
        os.kill(pids[1], signal.SIGKILL)
        killed = time.monotonic()
        assert started.until(lambda found: isinstance(found, str)) == "returned"
        assert time.monotonic() - killed < 15
    assert started.verdict().state is State.KILLED
    assert started.verdict().reason == "rank 1 ended without a word: killed?"


def test_cancel_ends_a_running_and_a_waiting_run(config: Config, make_specs: Specs) -> None:
    with terminal(config, make_specs(3, ENDLESS), Resources(cpus_per_task=gpu_slots.cores())) as started:
        started.until(training)  # alone: it asks for all cores
        assert not cancel(config.workspace, [started.placed(0), started.placed(1)]).refused
        assert started.until(lambda found: isinstance(found, Progress) and found.run == started.specs[2].id)
        os.kill(started.process.pid or 0, signal.SIGINT)
        started.until(lambda found: isinstance(found, str))
    assert started.verdict(0).state is State.CANCELLED
    assert not started.attempt(1).incarnations()
    assert started.verdict(1).state is State.CANCELLED
    assert started.verdict(1).reason.startswith("cancelled by ")


def test_a_run_on_another_machine_is_left_unchanged(config: Config, make_specs: Specs) -> None:
    (spec,) = make_specs(1)
    placed = Placed(run=spec.id, attempt=1, tag="t", where="local", job_id="another:17", created=0.0)
    words = observe(config.workspace, [placed]).unavailable
    assert words == "runs that were started on another can only be checked on another"
    assert not config.workspace.root.exists()


@pytest.mark.parametrize(
    ("resources", "runs", "parallel", "cores", "expected"),
    [
        (Resources(), 2, None, 2, [1, 1]),
        (Resources(), 1, None, 2, [2]),
        (Resources(), 9, None, 8, [1] * 8),
        (Resources(), 9, 2, 8, [4, 4]),
        (Resources(tasks_per_node=4), 3, None, 2, [1]),
        (Resources(cpus_per_task=4), 3, None, 8, [4, 4]),
    ],
)
def test_the_cores_are_divided_among_runs(
    resources: Resources,
    runs: int,
    parallel: int | None,
    cores: int,
    expected: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu_slots, "cores", lambda: cores)
    assert [slot.threads for slot in gpu_slots.slots(resources, runs, parallel)] == expected


def test_runs_can_be_started_outside_the_main_thread(config: Config) -> None:
    thread = threading.Thread(target=runner.run, args=(config, [], Resources(), None, print))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
