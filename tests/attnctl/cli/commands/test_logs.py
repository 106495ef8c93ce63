"""`attnctl logs`: what a run has written."""

from __future__ import annotations

import pytest

from attnctl.files import write_atomic
from attnctl.spec import RunSpec
from attnctl.workspace.layout import RunDir
from tests.attnctl.cli.cli_run import Run, assert_refused
from tests.attnctl.cli.past_runs import Past, left


@pytest.fixture
def spec(past: Past) -> RunSpec:
    """A run of two attempts that has failed."""
    (found,) = past.specs(1)
    past.attempt(found, "PREEMPTED")
    past.attempt(found, "FAILED", number=2, exit=left("error", "KeyError"))
    return found


@pytest.fixture
def folder_of(past: Past, spec: RunSpec) -> RunDir:
    return past.config.workspace.run(spec.id)


def test_the_newest_start_of_the_newest_attempt_is_shown(folder_of: RunDir, attnctl: Run) -> None:
    write_atomic(folder_of.attempt(1).incarnation(0).log(0), b"first attempt\n")
    write_atomic(folder_of.attempt(2).incarnation(0).log(0), b"first start\n")
    write_atomic(folder_of.attempt(2).incarnation(1).log(0), b"second start\n")
    assert attnctl("logs", folder_of.id).out == "second start\n"
    assert attnctl("logs", folder_of.id[:8], "--attempt", "1").out == "first attempt\n"
    assert attnctl("logs", folder_of.id, "--follow").out == "second start\n", "a run that has ended is not waited for"


def test_each_rank_has_its_own_log(folder_of: RunDir, attnctl: Run) -> None:
    start = folder_of.attempt(2).incarnation(0)
    write_atomic(start.log(0), b"of rank 0\n")
    write_atomic(start.log(3), b"of rank 3\n")
    assert attnctl("logs", folder_of.id, "--rank", "3").out == "of rank 3\n"
    result = attnctl("logs", folder_of.id, "--rank", "1")
    assert_refused(result, "rank 1")
    assert "0 and 3" in result.err or "0, 3" in result.err


def test_the_schedulers_output_is_shown_until_the_worker_has_a_log(past: Past, folder_of: RunDir, attnctl: Run) -> None:
    workspace = past.config.workspace
    caught = workspace.submission_logs(f"attnctl-{folder_of.id}-2") / "7_0_0_log.out"
    write_atomic(caught, b"bash: module: command not found\n")
    assert attnctl("logs", folder_of.id).out == "bash: module: command not found\n"
    write_atomic(folder_of.attempt(2).worker_log, b"caught by the supervisor\n")
    assert attnctl("logs", folder_of.id).out == "caught by the supervisor\n"


def test_control_characters_are_escaped(folder_of: RunDir, attnctl: Run) -> None:
    write_atomic(folder_of.attempt(2).incarnation(0).log(0), b"a\x1b[31mred\tb\xff\n")
    out = attnctl("logs", folder_of.id).out
    assert "\x1b" not in out
    assert "red\tb" in out


@pytest.mark.parametrize(("words", "said"), [((), "no log"), (("--attempt", "9"), "no attempt 9")])
def test_a_missing_log_is_a_one_line_error(words: tuple[str, ...], said: str, folder_of: RunDir, attnctl: Run) -> None:
    result = attnctl("logs", folder_of.id, *words)
    assert_refused(result, str(words))
    assert said in result.err


def test_a_run_that_was_never_submitted_has_no_log(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    write_atomic(past.config.workspace.run(spec.id).spec, spec.canonical().encode())
    assert_refused(attnctl("logs", spec.id), "never submitted")


def test_steps_are_printed_with_the_epochs_of_all_attempts(past: Past, spec: RunSpec, attnctl: Run) -> None:
    past.events(spec, 1, 1000.0, 0, (10,))
    past.events(spec, 2, 5000.0, 10, (20,))
    lines = attnctl("logs", spec.id, "--steps").out.splitlines()
    assert [line.partition(", ")[2] for line in lines] == ["step 21 of 40: step_loss 1, step_images_per_s 128"]
    assert attnctl("logs", spec.id, "--steps", "--attempt", "2").out.splitlines() == lines
    assert_refused(attnctl("logs", spec.id, "--steps", "--attempt", "1"), "its steps were trained again")
    assert_refused(attnctl("logs", spec.id, "--steps", "--follow"), "two ways to print")
