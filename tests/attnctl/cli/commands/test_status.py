"""`attnctl status`: the runs of a workspace and their states."""

from __future__ import annotations

import json
from pathlib import Path

from tests.attnctl.cli.cli_run import Run, listing


def test_a_status_of_nothing_writes_nothing(attnctl: Run, folder: Path) -> None:
    assert attnctl("status").out == "0 runs\n"
    assert json.loads(attnctl("status", "--json").out) == {"runs": [], "unavailable": None}
    assert listing(folder) == []
