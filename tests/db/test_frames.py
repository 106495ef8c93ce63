"""Runs and values as data frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import attnctl
from attnctl.db import frames as frames_module
from attnctl.workspace import evaluations
from attnctl.workspace.evaluations import Evaluation, Part
from attnctl.workspace.layout import Workspace
from attnctl.workspace.predictions import Predictions
from tests.db import written

RUNS = written.specs(("none", "ela"), ("0", "1"))


def test_frames_have_a_row_for_each_run_and_value(workspace: Workspace) -> None:
    frames = attnctl.load(workspace.root)
    assert list(frames.runs.index) == sorted(spec.id for spec in RUNS)
    row = frames.runs.loc[RUNS[0].id]
    assert (row["module"], row["state"], row["last_top1"], row["best_top1"]) == ("none", "completed", 90.0, 90.0)
    assert frames.runs.loc[RUNS[2].id, "kernel"] == 7
    assert str(frames.runs["kernel"].dtype) == "Int64"
    assert frames.runs["kernel"].isna()[RUNS[0].id]
    assert list(frames.metrics.columns) == ["run", "name", "step", "epoch", "value", "attempt", "incarnation"]
    assert len(frames.metrics) == 4 * 3


def test_the_frames_of_an_empty_workspace_are_empty(tmp_path: Path) -> None:
    (tmp_path / "attnctl.toml").touch()
    frames = attnctl.load(tmp_path)
    assert (len(frames.runs), len(frames.metrics), len(list(tmp_path.iterdir()))) == (0, 0, 1)


def test_a_folder_that_is_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a workspace: it has neither"):
        attnctl.load(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        attnctl.load(tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("texts", "dtype", "values"),
    [
        (["5", None, "7"], "Int64", [5, 7]),
        (["0.5", "1"], "Float64", [0.5, 1.0]),
        (["true", None, "false"], "boolean", [True, False]),
        (["l2", "7"], None, ["l2", "7"]),
    ],
)
def test_hyperparameters_have_their_types(texts: list[str | None], dtype: str | None, values: list[object]) -> None:
    column = frames_module._typed(pd.Series(texts, dtype=object))
    assert dtype is None or str(column.dtype) == dtype
    assert column.dropna().tolist() == values


def test_evaluations_and_kept_predictions_are_frames(workspace: Workspace) -> None:
    run = RUNS[0].id
    metrics = {"top1": 50.0, "top5": 100.0, "loss": 0.7, "ece": 1.0}
    found = Evaluation(
        at=1.0,
        dataset="./digits-c",
        split="test",
        content="",
        step=5,
        images=2,
        metrics=metrics,
        parts=(Part(corruption="shot", severity=2, images=2, metrics=metrics),),
        classes=("cat", "dog"),
        by_class=((1, 1), (0, 1)),
        confused=((1, 0, 1),),
    )
    kept = Predictions(np.array([0, 0]), np.array([0, 1]), np.array([0, 0]))
    assert len(attnctl.load(workspace.root).evaluations) == 0
    evaluations.write(workspace.run(run), found, kept.encode())
    frames = attnctl.load(workspace.root)
    (row,) = frames.evaluations.to_dict("records")
    assert (row["run"], row["dataset"], row["corruption"], row["severity"], row["top1"]) == (
        run,
        "./digits-c",
        "shot",
        2,
        50.0,
    )
    images = frames.predictions(run, "./digits-c")
    assert images["true"].tolist() == ["cat", "dog"]
    assert images["predicted"].tolist() == ["cat", "cat"]
    assert images["right"].tolist() == [True, False]
    with pytest.raises(KeyError, match=r"no predictions of run .* on digits"):
        frames.predictions(run, "digits")
