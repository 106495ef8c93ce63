"""What an unfinished run lacked, and whether it is there again."""

from __future__ import annotations

import json
import sys

import pytest

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.past_runs import Past, left
from tests.attnctl.cli.resumed import runs

GONE = f"there is no Python at {sys.executable} on node7"


@pytest.mark.parametrize(
    ("error", "action", "words"),
    [
        ("No module named 'no_such_package', in /x/python on node7", "waits", "the package no_such_package is not"),
        ("No module named 'torch.x', in /x/python on node7", "start", "from the start"),
        ("libx.so: cannot open shared object file, in /x/python on node7", "start", "from the start"),
        (GONE, "start", "from the start"),
    ],
)
def test_a_run_without_its_environment_starts_once_that_is_there(
    error: str, action: str, words: str, past: Past, attnctl: Run
) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "FAILED", exit=left("environment missing", error))
    (row,) = runs(attnctl("resume", "--dry-run", "--json"))
    assert (row["state"], row["action"], row["starts"]) == ("environment missing", action, action == "start")
    assert row["words"].startswith(words)
    (row,) = runs(attnctl("resume", "--force", "--dry-run", "--json"))
    assert row["starts"]
    why = json.loads(attnctl("why", spec.id, "--json").out)
    assert (why["action"], why["action_words"].startswith(words)) == (action, True)
    assert "restore the environment" in why["advice"]
    rule = "environment-missing = "
    (past.root / "attnctl.toml").write_text(f'[resume.actions]\n{rule}"never"\n')
    assert not runs(attnctl("resume", "--dry-run", "--json"))[0]["starts"]
