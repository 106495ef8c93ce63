"""`attnctl merge`, as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import spec, write_attempt


@pytest.mark.parametrize(
    ("words", "said"),
    [("no", "there is no folder 'no'"), (".", "is this workspace itself"), ("..", "is not a workspace")],
)
def test_a_folder_that_is_not_another_workspace_is_refused(
    words: str, said: str, two: tuple[Workspace, Workspace], attnctl: Run
) -> None:
    write_attempt(two[0], spec(), 1, {10: 1.0}, nonce="a")
    result = attnctl("merge", words)
    assert (result.code, said in result.err) == (2, True), result.err


def test_really_trained_runs_of_two_workspaces_agree(trained: Path, attnctl: Run) -> None:
    other = trained.parent / "other"
    shutil.copytree(trained, other)
    for request in (other / "runs").glob("*/attempts/1/request.json"):  # as if it had been asked for there, too
        document = json.loads(request.read_bytes())
        request.write_text(json.dumps(document | {"nonce": "other", "created": document["created"] + 1}))
    result = attnctl("merge", "../other")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0] == "2 runs: 2 with more attempts"
    shown = json.loads(attnctl("status", "--json").out)
    assert {(item["state"], item["attempt"], item["alarm"]) for item in shown["runs"]} == {("completed", 2, None)}
