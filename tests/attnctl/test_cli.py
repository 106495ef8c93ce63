"""What `main` does before the command: options that may stand anywhere, a reader that goes away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from attnctl.cli import without_globals
from tests.attnctl.cli.cli_run import Run

pytestmark = pytest.mark.usefixtures("real_processes")


def test_a_global_option_can_follow_the_command(folder: Path, attnctl: Run) -> None:
    assert without_globals(["sweep", "ela", "--workspace", "w"]) == ("w", ["sweep", "ela"])
    assert without_globals(["--workspace=w", "sweep", "--", "--workspace", "x"]) == (
        "w",
        ["sweep", "--", "--workspace", "x"],
    )
    assert without_globals(["status", "--debug"]) == (None, ["--debug", "status"])


def test_a_closed_pipe_is_not_an_error(folder: Path) -> None:
    command = [sys.executable, "-m", "attnctl", "recipes"]
    done = subprocess.run(
        ["/bin/bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode in {0, 1, 141}
