"""Checkpoints that are written while the training goes on."""

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from attnctl.jobs.runtime import host_memory
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training import checkpoint, loop, saving
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.failure import Diverged
from attnctl.jobs.training.saving import CheckpointWriter
from attnctl.spec import RunSpec
from attnctl.workspace.layout import RunDir
from attnctl.workspace.records import read_events
from tests.fixtures.small_disk import fill
from tests.jobs.training.training_workers import SERVER, exit_codes
from tests.jobs.training.worlds import Data, Network, make_run

CPU = torch.device("cpu")


class Held:
    """Holds the writes in the background until they are released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.began, self.threads = threading.Event(), threading.Event(), set[str]()
        save = checkpoint.save

        def slow(*given: Any) -> Any:
            self.threads.add(threading.current_thread().name)
            if threading.current_thread() is not threading.main_thread():
                self.began.set()
                assert self.go.wait(60)
            return save(*given)

        monkeypatch.setattr(checkpoint, "save", slow)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    writes = Held(monkeypatch)
    yield writes
    writes.go.set()


@pytest.fixture
def state() -> dict[str, Any]:
    network = Network()
    return {"network": network.state_dict(), "best": {"top1": 1.0}, "tied": network.state_dict()["fc.weight"]}


def writer_in(folder: Path) -> tuple[CheckpointWriter, RunDir, EventLog]:
    run = RunDir(folder / "run", folder / "run/checkpoints")
    events = EventLog(folder / "events.jsonl")
    return CheckpointWriter(TrainingContext(run=run, token=(1, 0)), events), run, events


def told(folder: Path) -> list[dict[str, Any]]:
    return [event for event in read_events((folder / "events.jsonl").read_bytes()) if event["kind"] == "checkpoint"]


def test_training_goes_on_while_a_checkpoint_is_written_and_does_not_change_it(
    tmp_path: Path, held: Held, state: dict[str, Any]
) -> None:
    writer, run, _ = writer_in(tmp_path)
    expected = checkpoint.encode({**checkpoint.on_cpu(state), "format": checkpoint.FORMAT, "spec": "run", "step": 5})
    assert writer.begin(5, state) is None
    assert held.began.wait(60)
    assert writer.busy
    assert writer.finish(wait=False) is None
    state["network"]["fc.weight"].add_(1.0)  # the next steps
    assert (checkpoint.stored(run), told(tmp_path)) == ([], []), "it counts only once it has its name"
    held.go.set()
    saved = writer.finish(wait=True)
    assert saved is not None
    assert (saved.step, saved.size, writer.busy) == (5, len(expected), False)
    (path,) = checkpoint.stored(run)
    assert path.read_bytes() == expected, "as if the training had waited"
    assert [event["bytes"] for event in told(tmp_path)] == [len(expected)]
    assert writer.finish(wait=True) is None


def test_a_checkpoint_that_takes_no_time_is_written_at_once(tmp_path: Path, state: dict[str, Any], held: Held) -> None:
    held.go.set()
    writer, _, _ = writer_in(tmp_path)
    assert writer.begin(1, state) is None
    assert writer.finish(wait=True) is not None
    writer._last_took = 0.01
    assert writer.begin(2, state) is not None
    assert held.threads == {"checkpoint", "MainThread"}


def test_without_memory_for_a_copy_the_training_waits_and_says_so_once(
    tmp_path: Path, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    needed = checkpoint.memory(state)
    monkeypatch.setattr(host_memory, "available", lambda: 2 * needed - 1)
    monkeypatch.setattr("resource.getrusage", lambda _: type("Usage", (), {"ru_maxrss": 0}))
    monkeypatch.setattr(saving, "_SHORT", 0.0)
    writer, run, _ = writer_in(tmp_path)
    assert [bool(writer.begin(step, state)) for step in (1, 2)] == [True, True]
    assert len(checkpoint.stored(run)) == 2
    (line,) = caplog.messages
    assert line.startswith("the training waits for its checkpoints: a copy to write in the background takes")
    monkeypatch.setattr(host_memory, "available", lambda: 2 * needed)
    assert writer.begin(3, state) is None
    assert writer.finish(wait=True) is not None


def test_a_full_disk_during_a_write_in_the_background_costs_only_that_checkpoint(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer, run, _ = writer_in(disk)
    big = {"network": {"w": torch.zeros(1 << 20)}}
    filler = fill(disk)
    assert writer.begin(1, big) is None
    saved = writer.finish(wait=True)
    assert saved is not None
    assert (saved.size, checkpoint.stored(run)) == (0, [])
    assert "no checkpoint at step 1: [Errno 28] No space left" in caplog.text
    filler.unlink()
    assert writer.begin(2, big) is None
    assert writer.finish(wait=True)
    assert [event["step"] for event in told(disk)] == [2]


@pytest.mark.parametrize("raised", [OSError(errno.EIO, os.strerror(errno.EIO)), MemoryError("none left")])
def test_another_error_of_a_write_ends_the_training(
    tmp_path: Path, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    def fail(*_: Any) -> None:
        raise raised

    writer, _, _ = writer_in(tmp_path)
    monkeypatch.setattr(checkpoint, "save", fail)
    writer.begin(1, state)
    with pytest.raises(type(raised)):
        writer.finish(wait=True)
    writer.begin(2, state)
    writer.end_after(ValueError("the training's own error comes first"))
    assert not writer.busy


def test_an_error_of_the_training_waits_for_the_checkpoint(
    tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_run()
    run = RunDir(tmp_path, tmp_path / "checkpoints")
    events = EventLog(tmp_path / "events.jsonl")

    def evaluate(*_: Any) -> dict[str, float]:
        threading.Timer(0.2, held.go.set).start()
        raise Diverged("now")

    monkeypatch.setattr(loop, "evaluate", evaluate)
    context = TrainingContext(run=run, token=(1, 0))
    trainer = loop.Trainer(spec, Data(spec), Network(), Group(0, 1, CPU), context, events, torch.float32)
    trainer.has_evaluated = True  # so that nothing but the error waits
    with pytest.raises(Diverged):
        trainer.run()
    assert [path.name for path in checkpoint.stored(run)] == ["5-1.0.pt"]
    assert [event["step"] for event in told(tmp_path)] == [5]


KILLS: dict[str, Callable[[], Any]] = {
    "while it is written": lambda: (torch, "save"),
    "before it is durable": lambda: (os, "fsync"),
    "before it has its name": lambda: (Path, "replace"),
    "after it has its name": lambda: (saving.CheckpointWriter, "_recorded"),
}


def killed_rank(folder: Path, spec: RunSpec, where: str) -> None:
    """Train and be killed at one point of the second checkpoint; without a point, to the end."""
    torch.set_num_threads(1)
    saving._SHORT = 0.0
    torch.manual_seed(0)
    if where:
        owner, name = KILLS[where]()
        original, save, count = getattr(owner, name), checkpoint.save, [0]

        def counted(*given: Any) -> Any:
            count[0] += 1
            return save(*given)

        def kill(*given: Any, **options: Any) -> Any:
            if count[0] == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*given, **options)

        changed: Any = checkpoint
        changed.save = counted
        setattr(owner, name, kill)
    run = RunDir(folder / "run", folder / "run/checkpoints")
    context = TrainingContext(run=run, token=(1, 0))
    events = EventLog(folder / "events.jsonl")
    assert loop.train(spec, Data(spec), Network(), Group(0, 1, CPU), context, events, torch.float64) == "completed"


@pytest.mark.usefixtures("real_processes")
def test_a_process_that_is_killed_at_any_point_of_a_write_loses_nothing_else(tmp_path: Path) -> None:
    spec = make_run()
    final = {}
    for number, where in enumerate(("", *KILLS)):
        folder = tmp_path / str(number)
        folder.mkdir()
        if where:
            process = SERVER.Process(target=killed_rank, args=(folder, spec, where))
            process.start()
            assert exit_codes([process]) == [-signal.SIGKILL], where
            run = RunDir(folder / "run", folder / "run/checkpoints")
            newest = checkpoint.newest(run, pytest.fail)
            assert newest is not None
            assert newest[1]["step"] == (10 if where.startswith("after") else 5), where
            assert [event["step"] for event in told(folder)] == [5], where
        process = SERVER.Process(target=killed_rank, args=(folder, spec, ""))
        process.start()
        assert exit_codes([process]) == [0]
        run = RunDir(folder / "run", folder / "run/checkpoints")
        (path,) = checkpoint.stored(run)
        final[where] = path.read_bytes()
    assert len(set(final.values())) == 1, "bit for bit the same checkpoint"
