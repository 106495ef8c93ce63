"""`attnctl status`: the runs of a workspace and their states."""

from __future__ import annotations

import json
import time
from pathlib import Path

from attnctl.cli.commands.status import expected_starts
from attnctl.cli.refresh import Snapshot
from attnctl.db import open_index
from attnctl.units import slurm_time
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.past_runs import Past
from tests.fixtures.fake_slurm import Fake


def test_a_status_of_nothing_writes_nothing(attnctl: Run, folder: Path) -> None:
    assert attnctl("status").out == "0 runs\n"
    assert json.loads(attnctl("status", "--json").out) == {"runs": [], "unavailable": None, "expected_start": None}
    assert listing(folder) == []


def test_a_node_that_cannot_open_logs_is_told_once(past: Past, attnctl: Run) -> None:
    for spec in past.specs(3):
        past.attempt(spec, "FAILED", exit_code="0:53")
    out = " ".join(attnctl("status").out.split())
    assert out.count(f"node1 could not open the job's log in {past.root}") == 1
    assert out.endswith("3 runs: 3 launch failed")


def test_slurm_is_asked_for_expected_starts_only_if_a_run_waits(past: Past, fake: Fake) -> None:
    soon = float(int(time.time()) + 600)
    fake.says("squeue", f"7_0|{slurm_time(soon)}\n")
    (spec,) = past.specs(1)
    past.attempt(spec, "PENDING", ago=60.0)
    with open_index(past.config.workspace) as index:
        index.refresh()
        waiting = Snapshot(index.runs(), None, time.time())
    assert [row.state for row in waiting.rows] == ["queued"]
    assert expected_starts(waiting) == [soon]
    assert fake.calls("squeue") == ["--start --noheader --format=%i|%S --jobs=7"]
    assert expected_starts(Snapshot([], None, time.time())) == []
    assert expected_starts(Snapshot(waiting.rows, "SLURM does not answer", time.time())) == []
    assert len(fake.calls("squeue")) == 1
