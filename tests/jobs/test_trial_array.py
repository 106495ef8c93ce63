"""Trials on compute nodes: what a task of the array reads and writes."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs import trial_array
from attnctl.spec import RunSpec
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources
from tests.attnctl.cost.measured import spec

TAG = "attnctl-20260101-000000-00000000"


def task(root: Path, spec_json: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The answer of the first task of an array, run as its job runs it."""
    folder = Workspace(root).trials_folder / TAG
    request = {"specs": [spec_json], "resources": dataclasses.asdict(Resources(device="cpu"))}
    write_atomic(folder / "request.json", json.dumps(request).encode())
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    monkeypatch.setattr(sys, "argv", ["trial_array", "--workspace", str(root), "--tag", TAG])
    trial_array.main()
    document = untrusted_json.read_object(folder / "0.json")
    assert document is not None
    return document


@pytest.mark.usefixtures("one_thread")
def test_a_task_tries_its_run_and_leaves_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run: RunSpec = spec("none", batch="64", norm_batch="64", input_size="8")
    answer = task(tmp_path, run.to_json(), monkeypatch)["answer"]
    assert isinstance(answer, dict)
    assert answer["device"] == "cpu"
    assert answer["images_per_s"] > 0
    assert answer["threads"] >= 1


def test_a_task_that_fails_leaves_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = task(tmp_path, {"module": "none"}, monkeypatch)
    assert "not a run's spec" in str(document["error"])


def test_a_task_without_a_request_says_that_the_command_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    monkeypatch.setattr(sys, "argv", ["trial_array", "--workspace", str(tmp_path), "--tag", TAG])
    with pytest.raises(SystemExit, match="has ended"):
        trial_array.main()
