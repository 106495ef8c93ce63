"""Reading the requests of attempts."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.workspace import requests
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Request
from tests.db import written


def test_the_runs_of_a_submission_share_one_request(tmp_path: Path) -> None:
    workspace, specs = Workspace(tmp_path), written.specs(seeds=("0", "1", "2"))
    written.submit(workspace, specs[:2])
    written.submit(workspace, specs[2:], tag="tag2")
    first, second, other = (workspace.run(spec.id).attempt(1) for spec in specs)
    assert requests.read(first) is requests.read(second)
    assert requests.read(first) == Request.read(first.request)
    found = requests.read(other)
    assert found is not None
    assert found.tag == "tag2"
    assert requests.read(workspace.run(specs[0].id).attempt(2)) is None


def test_the_error_of_each_damaged_request_names_its_file(tmp_path: Path) -> None:
    workspace, specs = Workspace(tmp_path), written.specs(seeds=("0", "1"))
    written.submit(workspace, specs)
    for spec in specs:
        attempt = workspace.run(spec.id).attempt(1)
        attempt.request.write_bytes(b'{"tag": "../elsewhere"}')
        with pytest.raises(RecordError, match=str(attempt.request)):
            requests.read(attempt)
