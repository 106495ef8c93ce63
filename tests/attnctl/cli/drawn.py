"""What the commands that draw print, and of which runs."""

from __future__ import annotations

import json
from typing import Any

from tests.attnctl.cli.cli_run import Result, Run


def ids(attnctl: Run) -> dict[str, str]:
    """Module, or module and G -> run id."""
    runs = json.loads(attnctl("status", "--json").out)["runs"]
    return {run["label"].partition(" shared")[0]: run["id"] for run in runs}


def document(result: Result) -> Any:
    assert result.code == 0, result.err
    return json.loads(result.out)
