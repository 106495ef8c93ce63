"""The supervisor's view of the speeds of its runs, from their event logs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from attnctl.jobs.packed import watch
from attnctl.jobs.packed.growth import SAMPLES
from attnctl.jobs.packed.step import Step
from attnctl.jobs.packed.watch import Watch
from attnctl.jobs.submission.submit import submit
from attnctl.lifecycle import packing
from attnctl.lifecycle.packing import Packing
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Attempt
from attnctl.workspace.records import Exit, Resources
from tests.fixtures.fake_slurm import Fake

Specs = Callable[[int], list[RunSpec]]


@dataclasses.dataclass
class Training:
    """What a Watch uses of a Step: a run that writes its speed."""

    attempt: Attempt
    outcome: str = ""

    @property
    def run(self) -> str:
        return self.attempt.path.parent.parent.name

    def exits(self) -> list[Exit]:
        return [Exit(rank=0, at=1.0, outcome=self.outcome)] if self.outcome else []

    def writes(self, at: float, speed: float) -> None:
        path = self.attempt.incarnation(0).events
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as stream:
            stream.write(json.dumps({"t": at - 0.5, "kind": "model", "device": "cpu"}) + "\n")
            stream.write(json.dumps({"t": at, "kind": "progress", "step": 1, "images_per_s": speed}) + "\n")


@pytest.fixture
def runs(config: Config, make_specs: Specs, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """Runs that a job with four places trains, whose number is left to measurement."""
    monkeypatch.setattr(watch, "_INTERVAL", 0.0)
    options = dataclasses.replace(config.slurm, runs_per_gpu="auto")
    fake.does("sbatch", "cat > /dev/null; echo 7")
    (done,) = submit(config, make_specs(4), Resources(), options, "slurm")
    return [Training(config.workspace.run(run).attempt(number)) for run, number in done.tasks]


def tasks(runs: list[Training]) -> list[tuple[str, int]]:
    return [(item.run, item.attempt.number) for item in runs]


def train(found: Watch, runs: list[Training], speed: Callable[[int], float]) -> int:
    """Start runs as they are allowed, each writing its speed once a second; how many train in the end."""
    running: list[Training] = []
    for second in range(60):
        if found.allows(len(running)) and len(running) < len(runs):
            running.append(runs[len(running)])
        for item in running:
            item.writes(1000.0 + second, speed(len(running)))
        found.look(list(running))  # type: ignore[arg-type]
    return len(running)


def test_runs_start_one_by_one_and_the_number_is_kept_for_later_jobs(config: Config, runs: list[Training]) -> None:
    found = Watch(config.workspace, 4, 0, tasks(runs))
    throughput = [100.0, 190.0, 195.0, 200.0]
    assert train(found, runs, lambda count: throughput[count - 1] / count) == 3  # the third did not pay
    assert not found.allows(2)
    assert found.allows(1)
    name = packing.key(config.workspace.run(runs[0].run).read_spec(), Resources())
    record = packing.read(config.workspace, name)
    assert record is not None
    assert (record.number, record.asked, record.device) == (2, 4, "cpu")
    assert list(record.gains) == pytest.approx([1.9, 1.026], abs=0.001)

    later = Watch(config.workspace, 4, 0, tasks(runs))  # of a job that was submitted before this was known
    assert not later.allows(1), "nothing says yet what the first trains on"
    later.look(runs[:1])  # type: ignore[arg-type]
    assert later.allows(1)
    assert not later.allows(2)


def test_what_was_measured_on_another_device_is_measured_again(config: Config, runs: list[Training]) -> None:
    name = packing.key(config.workspace.run(runs[0].run).read_spec(), Resources())
    fields: dict[str, Any] = {"number": 4, "asked": 8, "gains": [1.9, 1.9, 1.9], "reason": "", "at": 1.0}
    packing.write(config.workspace, name, Packing(device="NVIDIA H200", **fields))
    found = Watch(config.workspace, 4, 0, tasks(runs))
    runs[0].writes(999.0, 100.0)
    found.look(runs[:1])  # type: ignore[arg-type]
    assert not found.allows(1)
    assert train(found, runs, lambda count: 100.0 / count) == 2  # the second did not pay
    record = packing.read(config.workspace, name)
    assert record is not None
    assert (record.number, record.device) == (1, "cpu")


def test_short_runs_are_not_measured_and_leave_no_record(config: Config, runs: list[Training]) -> None:
    found = Watch(config.workspace, 4, 0, tasks(runs))
    for second in range(SAMPLES):
        runs[0].writes(1000.0 + second, 100.0)
        found.look([runs[0]])  # type: ignore[list-item]
    found.finish()
    assert not config.workspace.packing_folder.exists()


def test_a_gpu_that_is_full_takes_no_further_run(config: Config, runs: list[Training], fake: Fake) -> None:
    fake.does("nvidia-smi", 'case $1 in -L) echo "GPU 0: A100";; *) echo "30000, 80000";; esac')
    found = Watch(config.workspace, 4, 0, tasks(runs))
    assert train(found, runs, lambda _: 100.0) == 4  # it reads the same whatever trains
    fake.does("nvidia-smi", 'case $1 in -L) echo "GPU 0: A100";; *) echo "60000, 80000";; esac')
    packing_record = next(config.workspace.packing_folder.iterdir())
    packing_record.unlink()
    again = Watch(config.workspace, 4, 0, tasks(runs))
    again.continues(2)
    assert again.allows(1)
    for item in runs[:2]:
        item.writes(2000.0, 100.0)
    for second in range(SAMPLES + 1):
        for item in runs[:2]:
            item.writes(2001.0 + second, 100.0)
        again.look(runs[:2])  # type: ignore[arg-type]
    assert not again.allows(2)


def test_a_run_that_exceeded_the_memory_of_a_shared_gpu_lowers_the_number(config: Config, runs: list[Training]) -> None:
    found = Watch(config.workspace, 4, 0, tasks(runs))
    found.continues(3)
    ended: Step = dataclasses.replace(runs[0], outcome="cuda out of memory")  # type: ignore[assignment]
    found.ended(ended, 3)
    assert found.allows(1)
    assert not found.allows(2)
