"""What the folder of one run says, read on from where it was left."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.lifecycle.run_reader import Facts, judge, read_run
from attnctl.lifecycle.state import State
from attnctl.workspace.layout import RunDir, Workspace
from tests.attnctl.cli.exchange_cases import events, spec, write_attempt, write_spec

RUN = spec()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def run(workspace: Workspace) -> RunDir:
    return workspace.run(RUN.id)


def read(run: RunDir, facts: Facts | None = None) -> Facts:
    found = read_run(run, facts or Facts())
    assert found is not None
    return found


def test_a_folder_without_a_spec_is_not_a_run(run: RunDir) -> None:
    assert read_run(run, Facts()) is None


def test_a_run_that_was_never_submitted_is_new(workspace: Workspace, run: RunDir) -> None:
    write_spec(workspace, RUN)
    facts = read(run)
    assert (facts.spec, facts.newest, facts.token) == (RUN, None, None)
    assert judge(run, facts, {}).state is State.NEW


def test_attempts_and_logs_are_read_with_the_machine_they_ran_on(workspace: Workspace, run: RunDir) -> None:
    write_attempt(workspace, RUN, 1, {10: 50.0}, nonce="a", outcome="preempted")
    write_attempt(workspace, RUN, 2, {20: 60.0}, nonce="b")
    facts = read(run)
    assert (facts.newest, facts.token, sorted(facts.requests)) == (2, (2, 0), [1, 2])
    assert [(token, item.step, item.values["top1"]) for token, item in facts.fresh] == [
        ((1, 0), 10, 50.0),
        ((2, 0), 20, 60.0),
    ]
    assert facts.devices() == {(1, 0): "cpu", (2, 0): "cpu"}
    assert (facts.latest()["node"], facts.latest()["torch"]) == ("n1", "2.9")
    assert judge(run, facts, {}).state is State.COMPLETED


def test_only_new_data_is_read(workspace: Workspace, run: RunDir) -> None:
    write_attempt(workspace, RUN, 1, {10: 50.0}, nonce="a", outcome=None)
    facts = read(run)
    facts.fresh.clear()
    log = run.attempt(1).incarnation(0).events
    log.write_bytes(events({10: 50.0, 20: 60.0}))
    assert [item.step for _, item in read(run, facts).fresh] == [20]


def test_a_damaged_spec_makes_the_state_unknown_with_a_reason(workspace: Workspace, run: RunDir) -> None:
    write_attempt(workspace, RUN, 1, {10: 50.0}, nonce="a")
    run.spec.write_text("{")
    facts = read(run)
    verdict = judge(run, facts, {})
    assert verdict.state is State.UNKNOWN
    assert "spec.json" in verdict.reason
