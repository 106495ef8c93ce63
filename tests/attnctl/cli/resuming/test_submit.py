"""The last step of a resume: which runs go where, what is trained here, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.resuming import candidates, submit
from attnctl.cli.resuming.candidates import ResumeRequest
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.files import write_atomic
from attnctl.settings.config import Config, find
from attnctl.workspace.records import Exit
from tests.attnctl.cli.past_runs import Past, left

LOCAL = ResourceOptions(run_on="local")


def planned(config: Config, *targets: str, force: bool = False) -> candidates.ResumePlan:
    request = ResumeRequest(targets=targets, states=None, force=force, max_attempts=None, resources=LOCAL)
    return candidates.gather(config, request)


def test_runs_that_start_are_grouped_by_where_they_go(past: Past) -> None:
    small, large, other, left_out = past.specs(4)
    for spec, minutes in ((small, 60), (large, 600), (other, 60)):
        past.attempt(spec, "PREEMPTED", where="local", minutes=minutes)
    past.attempt(left_out, "CANCELLED", where="local")
    groups = submit.destinations(past.config, planned(past.config), LOCAL)
    assert {made.where for made, _ in groups} == {"local"}
    starts = sorted(case.spec.id for _, cases in groups for case in cases)
    assert starts == sorted(spec.id for spec in (small, large, other))
    timed = {made.resources.minutes for made, _ in groups}
    assert len(groups) == len(timed), "runs that ask for the same resources are submitted together"


@pytest.fixture
def interrupted(trained: Path) -> tuple[Config, str]:
    """A workspace with a run that was trained and then, as its records say, ended with an error; and its id."""
    config = find(trained, trained, {})
    run = config.workspace.run(config.workspace.run_ids()[0])
    record = Exit(rank=0, at=2e9, outcome="error", message="KeyError: 'x'", step=1)
    write_atomic(run.attempt(1).incarnation(0).exit(0), record.encode())
    for observed in run.attempt(1).observed.iterdir():
        observed.unlink()
    return config, run.id


def test_a_run_is_trained_here_and_its_end_is_told(
    interrupted: tuple[Config, str], capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = interrupted
    groups = submit.destinations(config, planned(config, run, force=True), LOCAL)
    jobs, code = submit.act(config, groups, as_json=False)
    assert (list(jobs), code) == ([run], 0)
    assert capsys.readouterr().out.splitlines()[-1] == "trained 1 run on this machine, 0 failed; see attnctl status"
    assert config.workspace.run(run).attempt(2).completed


def test_a_run_that_another_command_took_meanwhile_is_named(
    interrupted: tuple[Config, str], capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = interrupted
    groups = submit.destinations(config, planned(config, run, force=True), LOCAL)
    assert submit.act(config, groups, as_json=True)[1] == 0
    capsys.readouterr()
    jobs, code = submit.act(config, groups, as_json=False)
    assert (jobs[run].tag, code) == ("", 0)
    assert capsys.readouterr().out == f"not submitted: {run}: {jobs[run].refusal}\n"


def test_nothing_that_starts_is_nothing_to_submit(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "FAILED", where="local", exit=left("error", "KeyError"))
    groups = submit.destinations(past.config, planned(past.config), LOCAL)
    assert groups == []
    assert submit.act(past.config, groups, as_json=False) == ({}, 0)
    assert capsys.readouterr().out == ""
