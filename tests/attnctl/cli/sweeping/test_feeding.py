"""What is said of the runs that wait for a place in SLURM's queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.sweeping import feeding
from attnctl.jobs.submission.feed import Fed
from attnctl.workspace.layout import Workspace


def test_jobs_and_reasons_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    feeding.say_submitted(Fed(submitted={"a": "12_0", "b": "12_1", "c": "13_0"}))
    feeding.say_submitted(Fed(submitted={"a": ""}))
    feeding.say_waiting(Fed(waiting={"a": "full", "b": "full", "c": "run d is queued"}))
    feeding.say_submitted(Fed())
    assert capsys.readouterr().out.splitlines() == [
        "submitted: 3 waiting runs, SLURM jobs 12, 13",
        "submitted: 1 waiting run",
        "waiting: 2 runs: full",
        "waiting: 1 run: run d is queued",
    ]


def test_where_nothing_waits_nothing_is_said_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    feeding.feed_before(Workspace(tmp_path), as_json=False)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
