"""What a sweep plans for each of its runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import grid
from attnctl.cli.sweeping import plan
from attnctl.files import write_atomic
from attnctl.grid import Axes
from attnctl.settings.config import find
from attnctl.workspace.records import Exit
from tests.attnctl.cli.cli_run import workspace_with_a_run


@pytest.mark.parametrize(
    ("outcome", "action", "again"),
    [
        ("completed", "done", "done"),
        ("error", "failed", "will be retried"),
        ("diverged", "failed", "will be retried"),
        ("interrupted", "will continue", "will continue"),
        ("preempted", "will continue", "will continue"),
        (None, "queued", "queued"),
    ],
)
def test_a_plan_lists_the_action_for_each_run(outcome: str | None, action: str, again: str, tmp_path: Path) -> None:
    root = workspace_with_a_run(tmp_path)
    workspace = find(root, root, {}).workspace
    specs = grid.expand(Axes(modules=("ela",))).specs
    if outcome is not None:
        incarnation = workspace.run(specs[0].id).attempt(1).incarnation(0)
        write_atomic(incarnation.exit(0), Exit(rank=0, at=1.0, outcome=outcome).encode())
    for retry, expected in ((False, action), (True, again)):
        assert [str(item.action) for item in plan.plan(workspace, specs, retry_failed=retry)] == [expected]
