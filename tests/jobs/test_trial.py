"""A trial of a run: twenty real steps, a checkpoint in the middle, and whether resuming from it changes anything."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from attnctl.jobs import trial
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.records import Resources
from tests.jobs.training.training_workers import make_spec

CPU = Resources(device="cpu")


def spec(**overrides: float) -> RunSpec:
    return make_spec(**{"batch": 64, **overrides})  # type: ignore[arg-type] # names of recipe fields


@pytest.mark.usefixtures("one_thread")
def test_a_trial_measures_twenty_steps_and_resumes_to_the_same_weights(tmp_path: Path) -> None:
    found = trial.attempt(spec(), tmp_path, DataRoots(), CPU)
    assert (found["steps"], found["device"], found["resumed_alike"]) == (trial.STEPS, "cpu", True)
    assert found["parameters"] > 270_000
    assert found["train_loss"][1] != found["train_loss"][0]
    assert 0 <= found["top1"] <= 100
    assert min(found[name] for name in ("images_per_s", "evaluation_images_per_s", "checkpoint_bytes", "hours")) > 0


@pytest.mark.usefixtures("one_thread")
def test_the_length_of_the_training_is_that_of_the_run_not_of_the_trial(tmp_path: Path) -> None:
    hours = []
    for epochs in (2, 200):
        folder = tmp_path / str(epochs)
        folder.mkdir()
        hours.append(trial.attempt(spec(epochs=epochs), folder, DataRoots(), CPU)["hours"])
    assert 20 < hours[1] / hours[0] < 500


@pytest.mark.usefixtures("one_thread")
def test_a_training_that_diverges_is_told_as_what_is_wrong_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "attnctl.toml").touch()
    request = {
        "workspace": str(tmp_path),
        "spec": spec(lr=1e30).to_json(),
        "resources": dataclasses.asdict(CPU),
    }
    with pytest.raises(SpecError, match="loss"):
        trial.answer(request, tmp_path)
