"""`attnctl status`: the runs of a workspace and their states."""

from __future__ import annotations

import json
from pathlib import Path

from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.past_runs import Past


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
