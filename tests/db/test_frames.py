"""Runs and values as data frames."""

from __future__ import annotations

from pathlib import Path

import attnctl
from attnctl.workspace.layout import Workspace
from tests.db import written

RUNS = written.specs(("none", "ela"), ("0", "1"))


def test_frames_have_a_row_for_each_run_and_value(workspace: Workspace) -> None:
    frames = attnctl.load(workspace.root)
    assert list(frames.runs.index) == sorted(spec.id for spec in RUNS)
    row = frames.runs.loc[RUNS[0].id]
    assert (row["module"], row["state"], row["last_top1"], row["best_top1"]) == ("none", "completed", 90.0, 90.0)
    assert frames.runs.loc[RUNS[2].id, "kernel"] == "7"
    assert list(frames.metrics.columns) == ["run", "name", "step", "epoch", "value", "attempt", "incarnation"]
    assert len(frames.metrics) == 4 * 3


def test_the_frames_of_an_empty_workspace_are_empty(tmp_path: Path) -> None:
    frames = attnctl.load(tmp_path)
    assert (len(frames.runs), len(frames.metrics), list(tmp_path.iterdir())) == (0, 0, [])
