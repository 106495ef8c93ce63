"""A job whose base is not completed: when it gives itself back, waits for a record, or ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.jobs import base_wait
from attnctl.jobs.base_wait import BaseUnfinishedError
from attnctl.jobs.runtime.rank import Worker
from attnctl.lifecycle import base_run
from attnctl.lifecycle.state import State
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from tests.attnctl.cli.past_runs import Past, left
from tests.fixtures.fake_slurm import Fake

WORKER = Worker(job_id="9_0", task=0, rank=0, world=1, local_rank=0, restart=0, node="n1", on_slurm=True)


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Past:
    monkeypatch.setattr(base_wait, "_INTERVAL", 0.01)
    (tmp_path / "here").mkdir()
    return Past(tmp_path / "here")


def behind(past: Past) -> tuple[RunSpec, RunSpec]:
    """A base, and a run that starts from it."""
    (base,) = past.specs(1)
    return base, replace(base, init=f"run:{base.id}")


def check(past: Past, spec: RunSpec, patience: float = 0.0) -> None:
    base_wait.check(past.config.workspace, spec, lambda: None, patience)


def test_a_completed_base_and_a_run_without_one_start(past: Past) -> None:
    base, spec = behind(past)
    past.attempt(base, "COMPLETED", exit=left("completed"))
    check(past, spec)
    check(past, base)


def test_a_base_that_runs_is_named_with_its_job(past: Past, fake: Fake) -> None:
    base, spec = behind(past)
    past.attempt(base, "RUNNING")
    fake.says("squeue", f"7_0|RUNNING|node1|None|attnctl-{base.id}-1\n")
    with pytest.raises(BaseUnfinishedError) as error:
        check(past, spec, 60.0)
    words = f"run {base.id}, whose weights it starts from, is running as SLURM job 7_0"
    assert str(error.value) == words
    fake.says("sacct", "RUNNING\n")
    assert base_wait.refusal(error.value.base, WORKER) == ""
    assert base_wait.refusal(error.value.base, replace(WORKER, on_slurm=False)) != ""
    fake.says("sacct", "CANCELLED by 0\n")
    assert base_wait.refusal(error.value.base, WORKER) == "the job was cancelled"


def test_a_job_does_not_give_itself_back_behind_a_base_on_another_cluster(
    past: Past, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, _ = behind(past)
    past.attempt(base, "RUNNING")
    submissions.change(past.config.workspace, f"attnctl-{base.id}-1", cluster="alpha")
    found = base_run.read(past.config.workspace, base.id)
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "alpha")
    assert base_wait.refusal(found, WORKER) == ""
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "beta")
    assert base_wait.refusal(found, WORKER) == "its base is on cluster alpha"


def test_a_base_that_ended_before_its_time_is_named_with_its_state(past: Past) -> None:
    base, spec = behind(past)
    past.attempt(base, "COMPLETED", exit=left("timeout"))
    with pytest.raises(BaseUnfinishedError, match="is timeout, not completed") as error:
        check(past, spec, 60.0)
    assert error.value.base.state is State.TIMEOUT
    assert base_wait.refusal(error.value.base, WORKER) == "no job continues its base"


def test_the_record_of_a_base_that_just_ended_is_waited_for(past: Past) -> None:
    """A network file system shows it a while later."""
    base, spec = behind(past)
    past.attempt(base, "COMPLETED", saved=(10,))
    record = past.config.workspace.run(base.id).attempt(1).incarnation(0).exit(0)
    looks = 0

    def appears() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            record.write_bytes(left("completed").encode())

    base_wait.check(past.config.workspace, spec, appears, 60.0)
    assert looks == 3
    record.unlink()
    with pytest.raises(BaseUnfinishedError, match="is unknown, not completed"):
        check(past, spec, 0.05)
