"""What `attnctl resume --json` says of runs."""

from __future__ import annotations

import json
from typing import Any

from tests.attnctl.cli.cli_run import Result


def runs(result: Result) -> list[dict[str, Any]]:
    assert result.code == 0, result.err
    found: list[dict[str, Any]] = json.loads(result.out)["runs"]
    return found
