"""`attnctl cost`: predictions of really trained runs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.attnctl.cli.cli_run import Run

TINY = ("--input-size", "8", "--batch", "256", "--norm-batch", "128", "--run-on", "local")


def test_two_trained_shapes_are_predicted_and_the_second_training_is_predicted_from_the_first(
    trained: Path, attnctl: Run
) -> None:
    before = json.loads(attnctl("cost", "--json").out)
    assert {item["label"].split()[0] for item in before["predictions"]} == {"none", "ela"}
    assert {item["kind"] for item in before["predictions"]} == {"counts"}, "nothing was measured before"
    assert all(item["measured"] > 0 for item in before["predictions"])
    assert list(before["accuracy"]) == ["counts"]
    assert attnctl("sweep", "none,ela", "--epochs", "2", "--name", "second", *TINY).code == 0
    after = json.loads(attnctl("cost", "second", "--json").out)
    assert {item["kind"] for item in after["predictions"]} == {"measured"}
    for item in after["predictions"]:
        assert item["source"] == "1 run of this shape"
        assert item["epochs"] == 2
        assert 0 < item["seconds_low"] < item["seconds"] < item["seconds_high"]
    shown = attnctl("cost").out
    assert "shapes measured before: median error" in shown
    assert "counted operations: median error" in shown


def test_without_completed_runs_there_is_nothing_to_compare(folder: Path, attnctl: Run) -> None:
    (folder / "attnctl.toml").write_text("")
    assert "nothing to compare" in attnctl("cost").out
