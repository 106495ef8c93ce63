"""`attnctl try`: twenty steps of a run, in a process of their own."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
import torchvision

from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run, assert_refused, listing

TINY = ("--input-size", "8", "--batch", "64", "--norm-batch", "64", "--device", "cpu")


def test_the_result_of_a_trial_is_printed_for_each_run(folder: Path, attnctl: Run) -> None:
    result = attnctl("try", "se", "--r", "4", *TINY)
    assert result.code == 0, result.err
    assert result.out.startswith("se r=4") or result.out.startswith("se")
    for name in ("network", "training", "evaluation", "checkpoint", "speed", "peak memory", "whole run"):
        assert f"  {name} " in result.out
    assert "20 steps" in result.out
    assert "to the same weights" in result.out
    assert " min" in result.out or " s on " in result.out, "a short run takes no fraction of an hour"
    assert "hours" not in result.out
    assert listing(folder) == []


def test_runs_that_cost_the_same_are_tried_once_and_later_sweeps_are_estimated_from_it(
    folder: Path, attnctl: Run
) -> None:
    (folder / "attnctl.toml").write_text("")
    result = attnctl("try", "none", "--seed", "0,1", "--lr", "0.1,0.2", "--epochs", "1", *TINY, "--json")
    (run,) = json.loads(result.out)["runs"]
    assert run["images_per_s"] > 0
    (trial,) = Workspace(folder).trials()
    assert trial.images_per_s == run["images_per_s"]
    sweep = ("sweep", "none", "--seed", "0..2", "--epochs", "3", *TINY, "--run-on", "local", "--dry-run", "--json")
    cost = json.loads(attnctl(*sweep).out)["cost"]
    assert cost["sources"] == {"a trial of this shape": 3}
    assert 0 < cost["hours_low"] < cost["hours"] < cost["hours_high"]


def test_a_table_is_tried_row_by_row(folder: Path, attnctl: Run) -> None:
    refused = attnctl("try", "se", "--table", "ean:2")
    assert_refused(refused, "--table")
    assert_refused(attnctl("try"), "missing MODULE or --table")


BROKEN = """
import torch
from torch import nn


class Broken(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x):
        if x.requires_grad:
            raise RuntimeError("broken on purpose")
        return x
"""


def test_a_module_that_breaks_in_training_is_one_line(folder: Path, attnctl: Run) -> None:
    (folder / "broken.py").write_text(BROKEN)
    result = attnctl("try", "./broken.py:Broken", *TINY)
    assert_refused(result, "broken")
    assert "broken on purpose" in result.err
    assert listing(folder) == ["broken.py"]


def test_an_unknown_module_is_refused_before_anything_is_tried(folder: Path, attnctl: Run) -> None:
    result = attnctl("try", "elaa", *TINY)
    assert_refused(result, "elaa")
    assert "did you mean 'ela'" in result.err


def test_a_trial_starts_from_the_weights_of_a_file_or_says_why_they_do_not_fit(folder: Path, attnctl: Run) -> None:
    network = torchvision.models.resnet18(num_classes=10)
    with torch.no_grad():
        network.fc.weight.zero_()
        network.fc.bias.zero_()
    torch.save(network.state_dict(), folder / "zero.pt")
    words = ("--backbone", "resnet18", "--init", "zero.pt", "--lr", "1e-6", "--steps", "40", *TINY)
    result = attnctl("try", "none", *words, "--json")
    assert result.code == 0, result.err
    (run,) = json.loads(result.out)["runs"]
    assert run["train_loss"][0] == pytest.approx(math.log(10), abs=0.01)  # the zeros give each class the same logit
    assert run["resumed_alike"]
    assert [path.name for path in folder.iterdir()] == ["zero.pt"]
    refused = attnctl("try", "none", "--backbone", "resnet20", "--init", "zero.pt", *TINY)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "zero.pt does not fit this network" in refused.err
