"""A full disk, which is a small file system of its own: nothing is lost by it, and all goes on when space returns."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnctl.jobs.runtime import disk_full
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.failure import classify
from attnctl.lifecycle.state import Evidence, State, decide
from attnctl.workspace.records import Event, Observed, read_events
from tests.jobs.training.training_workers import (
    Mischief,
    Run,
    events,
    exit_codes,
    logs,
    make_spec,
    metrics,
    outcomes,
    wait_until,
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    for block in (1 << 16, 1):
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as stream:
            while True:
                stream.write(bytes(block))
    return filler


@pytest.mark.parametrize("world", [1, 2])
def test_a_training_goes_on_without_its_checkpoints_and_ends_when_there_is_space(
    disk: Path, tmp_path: Path, world: int
) -> None:
    calm, run = Run.create(tmp_path / "calm", make_spec()), Run.create(disk / "w", make_spec())
    slow = {rank: Mischief(slow=0.1) for rank in range(world)}
    with run.started(world, mischief=slow) as (processes, incarnation):
        wait_until(lambda: events(incarnation, "model"))
        filler = fill(disk)
        assert exit_codes(processes, 5) == [None] * world, "it waits for space to write its last checkpoint"
        assert not list(run.directory.checkpoints.glob("*.pt"))
        filler.unlink()
        assert exit_codes(processes, 30) == [0] * world, logs(incarnation)
    assert outcomes(incarnation) == ["completed"] * world
    assert metrics(incarnation) == metrics(calm.train(world))


def test_a_worker_that_starts_on_a_full_disk_waits_for_space(disk: Path) -> None:
    run = Run.create(disk / "w", make_spec(epochs=1))
    tag, incarnation = run.submit()
    filler = fill(disk)
    with run.started(tag=tag) as (processes, _):
        assert exit_codes(processes, 5) == [None]
        filler.unlink()
        assert exit_codes(processes, 30) == [0], logs(incarnation)
    assert outcomes(incarnation) == ["completed"]


def test_events_are_kept_while_the_disk_is_full_and_come_whole(disk: Path) -> None:
    log = EventLog(disk / "events.jsonl")
    filler = fill(disk)
    for step in range(3000):  # more than what is left of the file's page
        log.write(Event.METRICS, step=step)
    log.write(Event.PROGRESS, step=1)
    with pytest.raises(OSError, match="No space left") as error:
        log.sync()
    assert disk_full.is_full(error.value)
    filler.unlink()
    log.close()
    found = list(read_events((disk / "events.jsonl").read_bytes()))
    assert [event["step"] for event in found if event["kind"] == Event.METRICS] == list(range(3000))
    assert not [event for event in found if event["kind"] == Event.PROGRESS]


def test_space_is_waited_for_and_other_errors_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_full, "_BETWEEN", 0.01)
    errors: list[OSError] = [OSError(errno.EDQUOT, "Disk quota exceeded"), OSError(errno.ENOSPC, "No space")]

    def write() -> str:
        if errors:
            raise errors.pop()
        return "written"

    assert disk_full.retry_while_disk_full(write) == "written"
    errors.append(OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(OSError, match="Read-only"):
        disk_full.retry_while_disk_full(write)
    errors += [OSError(errno.ENOSPC, "No space")] * 2
    with pytest.raises(OSError, match="No space"):
        disk_full.retry_while_disk_full(write, lambda: True)
    with pytest.raises(OSError, match="No space"):
        disk_full.retry_while_disk_full(write, patience=-1.0)


def test_a_full_disk_is_a_class_of_its_own() -> None:
    failure = classify(OSError(errno.ENOSPC, "No space left on device"))
    assert (failure.outcome, failure.message) == ("disk full", "OSError: [Errno 28] No space left on device")
    last = Observed(at=1.0, job_id="1_0", word="FAILED", exit_code=f"{disk_full.EXIT_CODE}:0", source="sacct")
    verdict = decide(Evidence(created=0, submitted=True, observations=[last]))
    assert verdict.state is State.DISK_FULL
