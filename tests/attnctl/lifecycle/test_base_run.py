"""The run whose weights another starts from: what it does now, and which runs are submitted behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.lifecycle import base_run
from attnctl.lifecycle.state import State
from attnctl.workspace import submissions
from attnctl.workspace.records import Exit
from tests.attnctl.cli.past_runs import Past, left


@pytest.mark.parametrize(
    ("word", "where", "ended", "state", "job"),
    [
        ("RUNNING", "slurm", None, State.RUNNING, "7_0"),
        ("PENDING", "slurm", None, State.QUEUED, "7_0"),
        ("SUSPENDED", "slurm", None, State.SUSPENDED, "7_0"),
        ("RUNNING", "local", None, State.RUNNING, ""),
        ("COMPLETED", "slurm", left("timeout"), State.TIMEOUT, ""),
        ("COMPLETED", "slurm", left("completed"), State.COMPLETED, ""),
    ],
)
def test_a_base_is_completed_or_continues_or_has_ended(
    word: str, where: str, ended: Exit | None, state: State, job: str, tmp_path: Path
) -> None:
    past = Past(tmp_path)
    (spec,) = past.specs(1)
    past.attempt(spec, word, where=where, exit=ended)
    base = base_run.read(past.config.workspace, spec.id)
    assert (base.state, base.job, base.continues) == (state, job, bool(job))
    behind = replace(spec, init=f"run:{spec.id}")
    assert base_run.unfinished(past.config.workspace, behind) == (None if state is State.COMPLETED else base)
    assert base_run.unfinished(past.config.workspace, replace(spec, init="file:00")) is None


@pytest.mark.parametrize(
    ("cluster", "own", "elsewhere"),
    [("alpha", "beta", True), ("alpha", "Alpha", False), ("alpha", None, False), (None, "beta", False)],
)
def test_the_job_of_a_base_can_be_on_another_cluster(
    cluster: str | None, own: str | None, elsewhere: bool, tmp_path: Path
) -> None:
    past = Past(tmp_path)
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING")
    submissions.change(past.config.workspace, f"attnctl-{spec.id}-1", cluster=cluster)
    base = base_run.read(past.config.workspace, spec.id)
    assert (base.cluster, base.is_elsewhere(own)) == (cluster or "", elsewhere)


def test_a_base_that_was_never_submitted_is_new(tmp_path: Path) -> None:
    past = Past(tmp_path)
    (spec,) = past.specs(1)
    assert base_run.read(past.config.workspace, spec.id).state is State.NEW


def test_runs_are_grouped_behind_their_bases_and_a_base_comes_first(tmp_path: Path) -> None:
    past = Past(tmp_path)
    done, base, other = past.specs(3)
    past.attempt(done, "COMPLETED", exit=left("completed"))
    second = replace(base, init=f"run:{base.id}")
    third = replace(base, init=f"run:{second.id}")
    free = replace(base, init=f"run:{done.id}")
    groups = base_run.by_base(past.config.workspace, [third, second, free, base, other])
    assert groups == {"": [free, base, other], base.id: [second], second.id: [third]}
    assert base_run.by_base(past.config.workspace, [third]) == {second.id: [third]}
