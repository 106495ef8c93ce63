"""Detectors and segmentation in the loop: worlds agree, a cut run is the same run, and odd batches are harmless."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed import FileStore  # type: ignore[attr-defined]

from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training import checkpoint, pace
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.failure import Diverged
from attnctl.jobs.training.loop import train
from attnctl.jobs.training.signals import Signals
from attnctl.spec import RunSpec
from attnctl.workspace.layout import RunDir
from attnctl.workspace.records import read_events
from tests.jobs.training.detectors import Rectangles, network, task_spec
from tests.jobs.training.training_workers import SERVER, exit_codes

TASKS = ("detect", "instance", "segment")
METRICS = {"detect": "ap", "instance": "mask_ap", "segment": "miou"}


def rank_of_world(folder: Path, spec: RunSpec, task: str, rank: int, world: int) -> None:
    torch.set_num_threads(1)
    store = FileStore(str(folder / "store"), world) if world > 1 else None
    group = Group(rank, world, torch.device("cpu"), store)
    torch.manual_seed(0)
    context, events = TrainingContext(run=run_in(folder), token=(1, 0)), events_in(folder, rank)
    assert train(spec, Rectangles(spec), network(task), group, context, events, torch.float64) == "completed"
    group.close()


def run_in(folder: Path) -> RunDir:
    return RunDir(folder / "run", folder / "run/checkpoints")


def events_in(folder: Path, rank: int = 0) -> EventLog | None:
    return EventLog(folder / "events.jsonl") if rank == 0 else None


def state_in(folder: Path) -> dict[str, Any]:
    run = run_in(folder)
    return checkpoint.load(checkpoint.stored(run)[0], run)


def metrics_in(folder: Path) -> list[dict[str, float]]:
    rows = [event for event in read_events((folder / "events.jsonl").read_bytes()) if event["kind"] == "metrics"]
    return [{name: value for name, value in row["values"].items() if name != "images_per_s"} for row in rows]


def train_in(folder: Path, spec: RunSpec, task: str, world: int) -> dict[str, Any]:
    folder.mkdir()
    ranks = [SERVER.Process(target=rank_of_world, args=(folder, spec, task, rank, world)) for rank in range(world)]
    for process in ranks:
        process.start()
    assert exit_codes(list(ranks), seconds=300) == [0] * world
    return state_in(folder)


@pytest.mark.parametrize(("task", "worlds"), [("detect", (1, 2, 4)), ("instance", (1, 2)), ("segment", (1, 2))])
def test_worlds_agree_in_float64_with_images_without_objects(tmp_path: Path, task: str, worlds: tuple[int]) -> None:
    spec = task_spec(task, clip_grad_norm=5.0, ema_decay=0.9)
    one, *others = [train_in(tmp_path / str(world), spec, task, world) for world in worlds]
    for other in others:
        for part in ("network", "averaged"):
            for name, tensor in one[part].items():
                torch.testing.assert_close(other[part][name], tensor, rtol=0, atol=1e-10, msg=f"{part} {name}")
        assert other["best"] == pytest.approx(one["best"], abs=1e-9)
    rows = [metrics_in(tmp_path / str(world)) for world in worlds]
    assert METRICS[task] in rows[0][-1]
    for row in rows[1:]:
        assert row == [pytest.approx(expected, abs=1e-9) for expected in rows[0]]


class Stopping(Rectangles):
    """Asks for the end in one step of the training."""

    def __init__(self, spec: RunSpec, signals: Signals, at: int) -> None:
        super().__init__(spec)
        self.signals, self.at = signals, at

    def train(self, start: int, replicas: range, steps: int) -> Any:
        for number, batch in enumerate(super().train(start, replicas, steps)):
            if start + number // len(replicas) == self.at:
                self.signals.received = signal.SIGTERM
            yield batch


@pytest.mark.parametrize("task", TASKS)
def test_a_run_cut_within_an_epoch_is_bit_identical(tmp_path: Path, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "INTERVAL", 0.0)
    spec = task_spec(task, ema_decay=0.9, norm_batch=2)

    def trained(folder: Path, attempt: int, at: int = -1) -> str:
        torch.manual_seed(0)
        signals = Signals()
        events = EventLog(folder / f"events.{attempt}.jsonl")
        context = TrainingContext(run=run_in(folder), token=(attempt, 0), signals=signals, save_every=1e9)
        group = Group(0, 1, torch.device("cpu"))
        outcome = train(spec, Stopping(spec, signals, at), network(task), group, context, events)
        events.close()
        return outcome

    def told(folder: Path) -> dict[int, dict[str, float]]:
        lines = b"".join(path.read_bytes() for path in sorted(folder.glob("events.*.jsonl")))
        rows = [event for event in read_events(lines) if event["kind"] == "metrics"]
        return {row["epoch"]: {**row["values"], "images_per_s": 0.0} for row in rows}

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    for name in ("calm", "cut"):
        (tmp_path / name).mkdir()
    assert trained(tmp_path / "calm", 1) == "completed"
    assert [trained(tmp_path / "cut", *cut) for cut in ((1, 1), (2, 3))] == ["interrupted"] * 2
    assert trained(tmp_path / "cut", 3) == "completed"
    torch.set_num_threads(threads)
    calm, cut = state_in(tmp_path / "calm"), state_in(tmp_path / "cut")
    for part in ("network", "averaged"):
        for name, tensor in calm[part].items():
            assert torch.equal(tensor, cut[part][name]), name
    assert told(tmp_path / "calm") == told(tmp_path / "cut")
    if task != "segment":
        calm_found, cut_found = ((tmp_path / name / "run/detections.json").read_text() for name in ("calm", "cut"))
        assert json.loads(calm_found) == json.loads(cut_found)


class Refined(nn.Module):
    """A detector that keeps in which of its forwards in training YOLOX's loss was on."""

    def __init__(self) -> None:
        super().__init__()
        self.detector = network("detect")
        self.l1 = False
        self.told: list[bool] = []

    def forward(self, *inputs: Any) -> Any:
        if self.training:
            self.told.append(self.l1)
        return self.detector(*inputs)


def test_the_loss_of_the_plain_epochs_is_on_in_these_alone_after_a_cut_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "INTERVAL", 0.0)
    spec = task_spec("detect", norm_batch=2, no_aug_epochs=1)

    def told(folder: Path, attempt: int, at: int = -1) -> list[bool]:
        signals, refined = Signals(), Refined()
        group = Group(0, 1, torch.device("cpu"))
        context = TrainingContext(run=run_in(folder), token=(attempt, 0), signals=signals)
        train(spec, Stopping(spec, signals, at), refined, group, context)
        return refined.told

    assert told(tmp_path / "calm", 1) == [False] * 6 + [True] * 6  # two epochs of three steps of two forwards
    before = told(tmp_path / "cut", 1, at=3)
    after = told(tmp_path / "cut", 2)
    assert set(after) == {True}
    assert before + after == [False] * 6 + [True] * 6


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(tmp_path: Path, task: str) -> None:
    context, group = TrainingContext(run=run_in(tmp_path), token=(1, 0)), Group(0, 1, torch.device("cpu"))
    with pytest.raises(Diverged, match="not finite at step"):
        train(task_spec(task, lr=1e18, epochs=20), data_of(task), network(task), group, context)


def data_of(task: str) -> Rectangles:
    return Rectangles(task_spec(task))


def test_steps_can_be_counted_and_an_evaluation_left_out(tmp_path: Path) -> None:
    spec = task_spec("segment", steps=7, eval_interval=2)
    context, group = TrainingContext(run=run_in(tmp_path), token=(1, 0)), Group(0, 1, torch.device("cpu"))
    assert train(spec, Rectangles(spec), network("segment"), group, context, events_in(tmp_path)) == "completed"
    rows = metrics_in(tmp_path)
    assert ["miou" in row for row in rows] == [False, True, True]  # after 3, 6 and 7 steps
    assert all("train_loss" in row and "lr" in row for row in rows)
