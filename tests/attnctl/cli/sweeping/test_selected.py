"""`sweep --select val`: the best of several trainings is chosen on held-out images, and then trained on all of them."""

from __future__ import annotations

import json
from pathlib import Path

from attnctl import papers
from attnctl.cli.sweeping.selected import in_turn, waiting
from attnctl.papers.runs import Overrides, cells_of
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.swept_tables import SMALL
from tests.reports.report_workspace import train

MINE = """
name = "Mine"
title = "A paper of one's own"
[tables.1]
caption = "Rows with one and with two learning rates"
dataset = "digits"
backbone = "resnet20"
[[tables.1.columns]]
key = "top1"
metric = "top1"
[[tables.1.rows]]
row = "one"
[[tables.1.rows]]
row = "two"
module = "eca"
train = { lr = [0.1, 0.0001] }
"""


def test_the_best_on_held_out_images_is_trained_on_all_of_them(folder: Path, attnctl: Run) -> None:
    (folder / "my.toml").write_text(MINE)
    words = ("sweep", "--table", "./my.toml:1", "--rows", "two", "--select", "val", *SMALL[2:])  # on the paper's data
    asked = json.loads(attnctl(*words, "--dry-run", "--json").out)["runs"]
    assert [(run["recipe"]["lr"], run["recipe"]["val_split"]) for run in asked] == [(0.1, 0.1), (0.0001, 0.1)]
    first = attnctl(*words)
    assert first.code == 0, first.err
    assert "2 runs" in first.out
    assert "--select val: 1 row first; type this again then, to train the best of each" in first.out
    shown = attnctl("report", "--table", "./my.toml:1")
    assert "held out" not in shown.out  # nothing is chosen of a row that is not trained on all images yet
    second = attnctl(*words)
    assert second.code == 0, second.err
    assert "3 runs: 1 new, 2 done" in second.out
    shown = attnctl("report", "--table", "./my.toml:1")
    assert "lr=0.1 of lr=0.1, lr=0.0001: the highest mean top1 on images held out of the training set" in " ".join(
        shown.out.split()
    )
    assert attnctl("report", "--table", "./my.toml:1", "--rows", "two", "--missing").out == ""
    third = attnctl(*words)
    assert "3 runs: 3 done" in third.out


def test_rows_with_one_training_are_trained_at_once(tmp_path: Path) -> None:
    table = papers.load("ela").tables["5"]
    cells = cells_of(table, Overrides(select="val"), ["MobileNetV2", "ResNet18"])
    due = in_turn(table, cells, Workspace(tmp_path))
    by_row = {item.row.name: item for item in due}
    assert [spec.recipe.val_split for spec in by_row["MobileNetV2"].specs] == [0.0]
    assert [(spec.recipe.lr, spec.recipe.val_split) for spec in by_row["ResNet18"].specs] == [(0.1, 0.1), (0.05, 0.1)]
    assert "1 row first" in waiting(cells, due)
    assert list(tmp_path.iterdir()) == []


def test_the_best_follows_when_all_candidates_have_ended(tmp_path: Path) -> None:
    table = papers.load("ela").tables["5"]
    cells = cells_of(table, Overrides(select="val"), ["ResNet18"])
    high, low = (variant[0] for variant in cells[0].selection)
    workspace = Workspace(tmp_path)
    train(workspace, high, 70.0)
    assert len(in_turn(table, cells, workspace)[0].specs) == 2
    train(workspace, low, 71.0)
    (item,) = in_turn(table, cells, workspace)
    assert [(spec.recipe.lr, spec.recipe.val_split) for spec in item.specs] == [(0.1, 0.1), (0.05, 0.1), (0.05, 0.0)]
    assert waiting(cells, [item]) == ""
