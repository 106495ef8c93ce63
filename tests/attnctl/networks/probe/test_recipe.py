"""Trying users' parts of recipes: what is accepted, and the message for what does not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.grid import Axes, expand
from attnctl.networks.probe import recipe
from attnctl.values import SpecError
from tests.attnctl.recipes import own_files


def probe(folder: Path, **overrides: str) -> None:
    own_files.write(folder)
    given = {kind: (f"{folder}/{value}" if ".py" in value else value,) for kind, value in overrides.items()}
    (spec,) = expand(Axes(modules=("none",), overrides=given)).specs
    recipe.probe(spec)


def test_parts_that_work_are_accepted(tmp_path: Path) -> None:
    probe(tmp_path)
    probe(tmp_path, loss="focal.py:Focal", optimizer="lion.py:Lion", schedule="stairs.py:stairs")
    probe(tmp_path, metrics="scores.py:order", augment="shade.py:Shade")
    probe(tmp_path, loss="focal.py:smoothed", mixup="0.2", label_smoothing="0.1")


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("loss", "focal.py:constant", "loss focal:constant has no gradient"),
        ("loss", "focal.py:each", "it must give the mean over the batch, one number"),
        ("loss", "focal.py:nan", "loss focal:nan gives NaN or infinite values"),
        ("optimizer", "lion.py:Idle", "optimizer lion:Idle changes no weight in a step"),
        ("optimizer", "lion.py:NoOptimizer", "it must be a torch.optim.Optimizer"),
        ("metrics", "scores.py:text", "metric scores:text gives 'good'; it must give one finite number"),
        ("metrics", "scores.py:undefined", "metric scores:undefined gives nan"),
        ("augment", "shade.py:halved", "augment shade:halved gives (3, 16, 16) torch.uint8 for an image; it must give"),
        ("schedule", "stairs.py:negative", "schedule stairs:negative gives -0.02 at step 51 of 100"),
    ],
)
def test_a_part_that_does_not_work_is_refused(kind: str, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as error:
        probe(tmp_path, **{kind: name})
    assert message in str(error.value)
