"""`attnctl modules`: the attention modules and their hyperparameters."""

from __future__ import annotations

import json
from pathlib import Path

from tests.attnctl.cli.cli_run import Run


def test_modules_as_json(attnctl: Run, folder: Path) -> None:
    document = json.loads(attnctl("modules", "--json").out)
    (ela,) = [row for row in document["modules"] if row["name"] == "ela"]
    assert {row["name"]: row["default"] for row in ela["hyperparameters"]}["kernel"] == 7


def test_the_list_says_how_to_read_about_hyperparameters(attnctl: Run, folder: Path) -> None:
    assert "attnctl sweep MODULE --help" in attnctl("modules").err
    assert "--kernel N,N,..." in attnctl("sweep", "ela", "--help").out
