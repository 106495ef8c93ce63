"""A run's whole history, read from its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.lifecycle.run_history import Histories, resolve
from attnctl.lifecycle.state import State
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError
from tests.attnctl.cli.exchange_cases import NOW, spec, write_attempt

RUN = spec()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A run whose second attempt trained step 20 again and completed."""
    made = Workspace(tmp_path)
    write_attempt(made, RUN, 1, {10: 50.0, 20: 60.0}, nonce="a", outcome="preempted")
    write_attempt(made, RUN, 2, {20: 61.5, 30: 70.0}, nonce="b", created=NOW + 500, device="NVIDIA A100")
    return made


def test_of_a_step_trained_again_the_later_attempt_counts(workspace: Workspace) -> None:
    found = Histories(workspace).read(RUN.id)
    assert (found.spec, found.verdict.state) == (RUN, State.COMPLETED)
    assert [(item.step, item.values["top1"], item.tokens["top1"]) for item in found.steps] == [
        (10, 50.0, (1, 0)),
        (20, 61.5, (2, 0)),
        (30, 70.0, (2, 0)),
    ]
    assert resolve(found.facts) == found.steps
    assert (found.results.epoch, found.results.best["top1"]) == (3, 70.0)


def test_the_newest_log_is_summarised_from_the_first_event_on(workspace: Workspace) -> None:
    found = Histories(workspace).read(RUN.id)
    assert (found.logged("device"), found.logged("params"), found.logged("no such column")) == ("NVIDIA A100", 10, None)
    assert found.started == NOW


def test_a_broken_file_is_named_and_the_rest_is_read(workspace: Workspace) -> None:
    workspace.run(RUN.id).attempt(1).request.write_text("{")
    found = Histories(workspace).read(RUN.id)
    assert len(found.steps) == 3
    (words,) = found.problems
    assert "1/request.json" in words


def test_a_missing_run_and_a_damaged_spec_are_errors(workspace: Workspace) -> None:
    with pytest.raises(RecordError):
        Histories(workspace).read("f" * 16)
    write_atomic(workspace.run(RUN.id).spec, b"{")
    with pytest.raises(RecordError, match=r"spec\.json"):
        Histories(workspace).read(RUN.id)
