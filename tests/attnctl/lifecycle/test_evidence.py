"""The evidence of an attempt: gathered once, whoever asks, and with a guard that decides about broken records."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.lifecycle import evidence
from attnctl.lifecycle.run_history import Histories
from attnctl.lifecycle.state import State
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt, Workspace
from attnctl.workspace.records import Cancel, Exit, Observed, RecordError, Request, Submission

REQUEST = Request(tag="tag", created=5.0, host="login", pid=1, user="ada", nonce="n", where="slurm")
COMMON = {"created": 5.0, "where": "slurm", "host": "login", "pid": 1, "tasks": [], "specs": {}}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with one submission of one attempt, which the scheduler saw and which rank 0 completed."""
    workspace = Workspace(tmp_path)
    attempt = workspace.run("0" * 16).attempt(1)
    write_atomic(attempt.request, REQUEST.encode())
    submitted = Submission(tag="tag", job_id="7", **COMMON)  # type: ignore[arg-type]
    write_atomic(workspace.submission("tag"), submitted.encode())
    for at in (7.0, 6.0):
        write_atomic(attempt.observed / f"{at}.json", Observed(at=at, job_id="7_0", word="RUNNING").encode())
    write_atomic(attempt.incarnation(0).exit(0), Exit(rank=0, at=8.0, outcome="completed").encode())
    return workspace


@pytest.fixture
def attempt(workspace: Workspace) -> Attempt:
    """Its attempt."""
    return workspace.run("0" * 16).attempt(1)


def test_everything_in_the_folder_is_evidence(attempt: Attempt) -> None:
    write_atomic(attempt.cancel, Cancel(at=9.0, user="bob", host="login").encode())
    head = submissions.Submitted(job_id="7")
    found = evidence.gather(attempt, REQUEST, head, attempt.incarnation(0), 6.5)
    assert (found.created, found.submitted, found.refused, found.started) == (5.0, True, None, 6.5)
    assert [item.at for item in found.observations] == [6.0, 7.0]
    assert [item.outcome for item in found.exits] == ["completed"]
    assert found.cancel is not None
    assert not evidence.gather(attempt, REQUEST, None, None, None).submitted


def test_damaged_records_are_skipped_or_handled_by_the_guard(attempt: Attempt) -> None:
    for path in (attempt.observed / "1.json", attempt.incarnation(0).exit(1), attempt.cancel):
        path.write_text("{")
    noted: list[str] = []

    @contextlib.contextmanager
    def note() -> Iterator[None]:
        try:
            yield
        except RecordError as error:
            noted.append(str(error))

    whole = evidence.gather(attempt, REQUEST, None, attempt.incarnation(0), None)
    assert whole == evidence.gather(attempt, REQUEST, None, attempt.incarnation(0), None, note)
    assert [Path(words.split()[0]).name for words in noted] == ["exit.1.json", "1.json", "cancel.json"]


def test_every_reader_gives_the_same_state(workspace: Workspace, attempt: Attempt) -> None:
    by_folder = evidence.verdict(attempt, REQUEST, submissions.cached_heads(workspace))
    assert by_folder == evidence.newest_verdict(workspace, "0" * 16)
    by_exits = evidence.verdict_of_exits(attempt, REQUEST)
    assert by_exits is not None
    assert by_folder.state is by_exits.state is State.COMPLETED
    attempt.incarnation(0).exit(0).unlink()
    assert evidence.verdict_of_exits(attempt, REQUEST) is None
    assert evidence.verdict(attempt, REQUEST, submissions.cached_heads(workspace)).state is State.RUNNING
    assert evidence.newest_verdict(workspace, "1" * 16) is None


def test_a_submission_is_read_once_for_all_its_runs(workspace: Workspace) -> None:
    head_of = submissions.cached_heads(workspace)
    first = head_of("tag")
    workspace.submission("tag").unlink()
    assert first is not None
    assert head_of("tag") is first
    assert head_of("other") is None


def test_a_damaged_submission_does_not_affect_a_runs_history(workspace: Workspace) -> None:
    workspace.submission("tag").write_text(json.dumps({"tag": 1}))
    histories = Histories(workspace)
    assert histories._submitted("tag") == submissions.Submitted()
