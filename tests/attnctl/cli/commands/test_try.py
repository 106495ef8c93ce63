"""`attnctl try`: twenty steps of a run, in a process of their own."""

from __future__ import annotations

from pathlib import Path

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
    assert listing(folder) == []


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
