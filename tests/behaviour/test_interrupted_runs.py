"""An interrupted run ends with the very numbers of an undisturbed one."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from attnctl.jobs.training import checkpoint
from tests.jobs.training.training_workers import Mischief, Run, events, logs, make_spec, metrics, outcomes

RICH: dict[str, Any] = {"ema_decay": 0.9, "clip_grad_norm": 1.0, "mixup": 0.2, "label_smoothing": 0.1}


def final_state(run: Run) -> dict[str, torch.Tensor]:
    (path,) = checkpoint.stored(run.directory)
    state = checkpoint.load(path, run.directory)
    return {**state["network"], **{f"averaged.{name}": value for name, value in state["averaged"].items()}}


@pytest.mark.parametrize(("world", "optimizer"), [(1, "adamw"), (4, "sgd")])
def test_a_run_cut_at_several_steps_is_bit_identical(tmp_path: Path, world: int, optimizer: str) -> None:
    spec = make_spec(optimizer=optimizer, **RICH)
    calm, cut = Run.create(tmp_path / "calm", spec), Run.create(tmp_path / "cut", spec)
    undisturbed = calm.train(world)
    # In the first step, within an epoch, in the last step of one, and in the first of the next.
    cuts = [(0, 0), (2, world - 1), (4, 0), (5, 0)]
    parts = []
    for step, rank in cuts:
        parts.append(cut.train(world, mischief={rank: Mischief(at=step)}))
        assert outcomes(parts[-1]) == ["interrupted"] * world, logs(parts[-1])
        assert [record.step for record in parts[-1].exits()] == [step + 1] * world
    parts.append(cut.train(world))
    assert outcomes(parts[-1]) == ["completed"] * world
    assert [row["step"] for part in parts for row in events(part, "resumed")] == [1, 3, 5, 6]
    assert metrics(*parts) == metrics(undisturbed)
    expected, found = final_state(calm), final_state(cut)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name


@pytest.mark.parametrize("harm", ["truncated", "newer release", "belongs to run"])
def test_a_damaged_checkpoint_is_skipped_for_the_previous_one(tmp_path: Path, harm: str) -> None:
    run = Run.create(tmp_path / "w", make_spec())
    calm = Run.create(tmp_path / "calm", make_spec())
    first = run.train(mischief={0: Mischief(at=6, number=signal.SIGUSR2)})
    newest, before = checkpoint.stored(run.directory)
    state = torch.load(newest, weights_only=True)
    bad = {
        "truncated": newest.read_bytes()[:-1000],
        "newer release": checkpoint.encode(state | {"format": checkpoint.FORMAT + 1}),
        "belongs to run": checkpoint.encode(state | {"spec": "0123456789abcdef"}),
    }
    newest.write_bytes(bad[harm])
    last = run.train()
    assert harm in logs(last)
    assert [row["path"] for row in events(last, "resumed")] == [f"checkpoints/{before.name}"]
    assert metrics(first, last) == metrics(calm.train())


def test_a_finished_run_that_is_started_again_trains_nothing(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "w", make_spec(epochs=1))
    run.train()
    (path,) = checkpoint.stored(run.directory)
    again = run.train()
    assert outcomes(again) == ["completed"]
    assert metrics(again) == {}
    assert checkpoint.stored(run.directory) == [path]
