"""Worlds 1, 2 and 4 train the same network, and evaluate every sample once."""

import dataclasses
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._C._distributed_c10d import FileStore  # torch.distributed exports it, but type checkers do not see it there
from torch.nn import functional

from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training import checkpoint, pace
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.loop import train
from attnctl.spec import RunSpec
from attnctl.workspace.layout import RunDir
from attnctl.workspace.records import read_events
from tests.jobs.training.training_workers import SERVER, exit_codes
from tests.jobs.training.worlds import Data, Network, make_run


def rank_of_world(folder: Path, spec: RunSpec, rank: int, world: int, dear: bool) -> None:
    torch.set_num_threads(1)
    if dear:
        pace.CheckpointBudget.allows = lambda *_, **__: False  # type: ignore[method-assign]
    store = FileStore(str(folder / "store"), world) if world > 1 else None
    group = Group(rank, world, torch.device("cpu"), store)
    torch.manual_seed(0)
    run = RunDir(folder / "run", folder / "run/checkpoints")
    events = EventLog(folder / "events.jsonl") if rank == 0 else None
    context = TrainingContext(run=run, token=(1, 0))
    assert train(spec, Data(spec), Network(), group, context, events, torch.float64) == "completed"
    group.close()


def train_in(folder: Path, spec: RunSpec, world: int, dear: bool = False) -> dict[str, Any]:
    folder.mkdir()
    ranks = [SERVER.Process(target=rank_of_world, args=(folder, spec, rank, world, dear)) for rank in range(world)]
    for process in ranks:
        process.start()
    assert exit_codes(list(ranks)) == [0] * world
    run = RunDir(folder / "run", folder / "run/checkpoints")
    return checkpoint.load(checkpoint.stored(run)[0], run)


@pytest.mark.parametrize("overrides", [{}, {"optimizer": "adamw", "lr": 0.01}], ids=["sgd", "adamw"])
def test_different_numbers_of_processes_agree_in_float64(tmp_path: Path, overrides: dict[str, Any]) -> None:
    spec = make_run(**overrides)
    one, *others = [train_in(tmp_path / str(world), spec, world) for world in (1, 2, 4)]
    assert one["network"]["norm.num_batches_tracked"] == 15  # replica 0 alone updates the statistics, once a step
    for other in others:
        for part in ("network", "averaged"):
            for name, tensor in one[part].items():
                torch.testing.assert_close(other[part][name], tensor, rtol=0, atol=1e-12)
        assert other["best"] == pytest.approx(one["best"], abs=1e-12)


def test_different_numbers_of_processes_agree_without_a_checkpoint_before_evaluation(tmp_path: Path) -> None:
    """It is what else gives all ranks the running statistics, which rank 0 alone updates."""
    spec = make_run(ema_decay=0.0)
    one, two = [train_in(tmp_path / str(world), spec, world, dear=True) for world in (1, 2)]
    assert two["best"] == pytest.approx(one["best"], abs=1e-12)


def test_the_penalty_counts_once_per_step_for_any_accumulation(tmp_path: Path) -> None:
    """Against one written-out step of plain SGD: the mean of the forwards' losses, and the penalty once."""
    spec = make_run(
        clip_grad_norm=0.0, ema_decay=0.0, momentum=0.0, nesterov=False, weight_decay=0.0, schedule="constant"
    )
    recipe = dataclasses.replace(spec.recipe, epochs=1, batch=40, norm_batch=10, warmup_epochs=0.0)
    spec = dataclasses.replace(spec, recipe=recipe)
    torch.manual_seed(0)
    network = Network().double().train()
    network.drop.p = 0.0
    run = RunDir(tmp_path, tmp_path / "checkpoints")
    expected = Network().double().train()
    expected.load_state_dict(network.state_dict())
    data = Data(spec)
    context = TrainingContext(run=run, token=(1, 0))
    train(spec, data, network, Group(0, 1, torch.device("cpu")), context, dtype=torch.float64)
    expected.drop.p = 0.0
    batches = zip(data.images[:40].double().split(10), data.labels[:40].split(10), strict=True)
    losses = [functional.cross_entropy(expected(x), y, label_smoothing=0.1) for x, y in batches]
    (torch.stack(losses).mean() + expected.extra_loss()).backward()
    for (name, mine), theirs in zip(network.named_parameters(), expected.parameters(), strict=True):
        assert theirs.grad is not None
        torch.testing.assert_close(mine, theirs - recipe.lr * theirs.grad, rtol=0, atol=1e-12, msg=name)


@pytest.mark.parametrize("options", [{"precision": "bf16"}, {"precision": "fp16"}, {"channels_last": True}])
def test_other_precisions_train_with_finite_losses(tmp_path: Path, options: dict[str, Any]) -> None:
    spec = make_run(**options)
    run = RunDir(tmp_path, tmp_path / "checkpoints")
    group = Group(0, 1, torch.device("cpu"))
    network = Network()
    events = EventLog(tmp_path / "events.jsonl")
    context = TrainingContext(run=run, token=(1, 0))
    assert train(spec, Data(spec), network, group, context, events) == "completed"
    events.close()
    assert context.position.step == 15
    assert all(parameter.isfinite().all() and parameter.dtype == torch.float32 for parameter in network.parameters())


def test_expensive_checkpoints_are_not_saved_after_every_short_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_run()
    run = RunDir(tmp_path, tmp_path / "checkpoints")
    made: list[int] = []

    def slow(run: RunDir, name: checkpoint.Name, state: dict[str, Any], keep: int) -> tuple[Path, int]:
        made.append(name.step)
        time.sleep(0.15)
        return run.checkpoints, 1

    monkeypatch.setattr(checkpoint, "save", slow)
    context = TrainingContext(run=run, token=(1, 0))
    train(spec, Data(spec), Network(), Group(0, 1, torch.device("cpu")), context)
    assert made == [5, 15], "after the first epoch, when the cost is not known, and at the end"


def test_checkpoints_are_also_saved_by_time_within_an_epoch(tmp_path: Path) -> None:
    spec = make_run()
    run = RunDir(tmp_path, tmp_path / "checkpoints")
    events = EventLog(tmp_path / "events.jsonl")
    context = TrainingContext(run=run, token=(1, 0), save_every=0.0)
    train(spec, Data(spec), Network(), Group(0, 1, torch.device("cpu")), context, events)
    events.close()
    steps = [event["step"] for event in read_events((tmp_path / "events.jsonl").read_bytes()) if "bytes" in event]
    assert {1, 5, 10, 15} < set(steps)
    assert steps == sorted(steps)
    assert [path.name for path in checkpoint.stored(run)] == ["15-1.0.pt"]


class Interrupted(Data):
    """The last rank receives Ctrl-C in its second evaluation, once."""

    def __init__(self, spec: RunSpec, context: TrainingContext) -> None:
        super().__init__(spec)
        self.context, self.evaluations, self.batches = context, 0, 0

    def evaluate(self, rank: int, world: int) -> Iterator[tuple[Tensor, Tensor]]:
        self.evaluations += 1
        for batch in super().evaluate(rank, world):
            self.batches += 1
            if self.evaluations == 2 and rank == world - 1:
                self.context.signals.received = signal.SIGINT
            yield batch


def interrupted_rank(folder: Path, spec: RunSpec, rank: int, world: int) -> None:
    torch.set_num_threads(1)
    pace.CheckpointBudget.allows = lambda *_, **__: False  # type: ignore[method-assign]
    store = FileStore(str(folder / "interrupted"), world) if world > 1 else None
    group = Group(rank, world, torch.device("cpu"), store)
    torch.manual_seed(0)
    context = TrainingContext(run=RunDir(folder / "run", folder / "run/checkpoints"), token=(1, 0))
    data = Interrupted(spec, context)
    assert train(spec, data, Network(), group, context, None, torch.float64) == "interrupted"
    assert data.evaluations == 2
    if rank == world - 1:
        assert data.batches == (len(list(Data(spec).evaluate(rank, world)))) + 1
    group.close()


@pytest.mark.parametrize("world", [1, 2])
def test_ctrl_c_ends_an_evaluation_at_once_and_the_resumed_run_has_the_same_numbers(tmp_path: Path, world: int) -> None:
    spec = make_run()
    folder = tmp_path / "cut"
    folder.mkdir()
    ranks = [SERVER.Process(target=interrupted_rank, args=(folder, spec, rank, world)) for rank in range(world)]
    for process in ranks:
        process.start()
    assert exit_codes(list(ranks)) == [0] * world
    whole = train_in(tmp_path / "whole", spec, world)
    again = [SERVER.Process(target=rank_of_world, args=(folder, spec, rank, world, False)) for rank in range(world)]
    for process in again:
        process.start()
    assert exit_codes(list(again)) == [0] * world
    run = RunDir(folder / "run", folder / "run/checkpoints")
    resumed = checkpoint.load(checkpoint.stored(run)[0], run)
    assert resumed["best"] == whole["best"]
    for name, tensor in whole["network"].items():
        assert torch.equal(resumed["network"][name], tensor)
