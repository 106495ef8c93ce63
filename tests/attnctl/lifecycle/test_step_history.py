"""The steps between evaluations, read from the logs of all starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attnctl.files import write_atomic
from attnctl.lifecycle import step_history
from attnctl.workspace.layout import RunDir, Workspace

RUN = "0123456789abcdef"


def log(folder: RunDir, attempt: int, *events: dict[str, Any]) -> None:
    lines = [json.dumps({"t": 1000.0 * attempt + number, **event}) for number, event in enumerate(events)]
    write_atomic(folder.attempt(attempt).incarnation(0).events, "\n".join([*lines, '{"kind": "pro']).encode())


def progress(step: int, loss: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "progress", "step": step, "loss": loss, **more}


def test_a_step_has_its_epoch_values_time_and_attempt(tmp_path: Path) -> None:
    folder = Workspace(tmp_path).run(RUN)
    log(folder, 1, {"kind": "model", "steps_per_epoch": 10}, progress(10, 2.0, images_per_s=80.0), progress(11, 1.5))
    first, second = step_history.steps(folder)
    assert (first.step, first.epoch, first.at) == (10, 1, 1001.0)
    assert first.values == {"step_loss": 2.0, "step_images_per_s": 80.0}
    assert (second.epoch, second.values, second.tokens) == (2, {"step_loss": 1.5}, {"step_loss": (1, 0)})


def test_what_a_later_start_trained_again_counts_once(tmp_path: Path) -> None:
    folder = Workspace(tmp_path).run(RUN)
    log(folder, 1, progress(10, 3.0), progress(20, 2.0), progress(29, 1.0))
    log(folder, 2, {"kind": "resumed", "step": 20}, progress(25, 1.8), progress(35, 1.6))
    assert [(item.step, item.values["step_loss"]) for item in step_history.steps(folder)] == [
        (10, 3.0),
        (20, 2.0),
        (25, 1.8),
        (35, 1.6),
    ]


def test_a_start_that_trained_nothing_removes_nothing(tmp_path: Path) -> None:
    folder = Workspace(tmp_path).run(RUN)
    log(folder, 1, progress(10, 3.0))
    log(folder, 2, {"kind": "model", "steps_per_epoch": 10})
    assert [item.step for item in step_history.steps(folder)] == [10]


def test_values_of_a_wrong_kind_are_left_out(tmp_path: Path) -> None:
    folder = Workspace(tmp_path).run(RUN)
    log(folder, 1, progress(1, "x"), progress(2, float("nan")), {"kind": "progress", "step": "3", "loss": 1.0})
    assert step_history.steps(folder) == ()
    assert step_history.steps(Workspace(tmp_path).run("f" * 16)) == ()
