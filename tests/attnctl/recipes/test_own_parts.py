"""Users' parts of recipes, created: what they give, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attnctl import recipes
from attnctl.recipes import own_parts, parts
from attnctl.recipes.parts import Part
from attnctl.spec import Recipe
from attnctl.values import SpecError
from tests.attnctl.recipes import own_files

LABELS = torch.arange(8) % 10


def part(folder: Path, kind: str, name: str, **options: Any) -> tuple[Part, Recipe]:
    own_files.write(folder)
    given = {f"{kind}.{option}": value for option, value in options.items()}
    recipe, code = recipes.resolve_with_code("digits", {kind: f"{folder}/{name}", **given})
    return parts.of_run(recipe, code, kind)[0], recipe


def test_a_loss_gives_its_mean_with_its_options(tmp_path: Path) -> None:
    logits = torch.randn(8, 10, dtype=torch.float64)
    plain = own_parts.loss(*part(tmp_path, "loss", "focal.py:Focal", gamma="0"))(logits, LABELS)
    torch.testing.assert_close(plain, torch.nn.functional.cross_entropy(logits, LABELS))
    assert own_parts.loss(*part(tmp_path, "loss", "focal.py:Focal"))(logits, LABELS) < plain


def test_a_loss_that_is_not_one_number_or_would_be_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"loss focal:each gives \(8,\); it must give the mean"):
        own_parts.loss(*part(tmp_path, "loss", "focal.py:each"))(torch.randn(8, 10), LABELS)
    with pytest.raises(SpecError, match="loss focal:Trained has parameters"):
        own_parts.loss(*part(tmp_path, "loss", "focal.py:Trained"))


def test_a_part_is_created_alike_whenever_it_is_and_moves_no_generator(tmp_path: Path) -> None:
    chosen = part(tmp_path, "loss", "focal.py:Random")
    logits = torch.randn(8, 10)
    torch.manual_seed(1)
    first = own_parts.loss(*chosen)(logits, LABELS)
    drawn = torch.rand(1), np.random.rand()
    torch.manual_seed(1)
    np.random.seed(1)
    torch.rand(5)
    assert torch.equal(own_parts.loss(*chosen)(logits, LABELS), first)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn[0])


def test_an_optimizer_must_be_one(tmp_path: Path) -> None:
    weights = [{"params": [torch.nn.Parameter(torch.ones(2))]}]
    made = own_parts.optimizer(*part(tmp_path, "optimizer", "lion.py:Lion"), weights)
    assert made.param_groups[0]["betas"] == (0.9, 0.99)
    with pytest.raises(SpecError, match="optimizer lion:NoOptimizer is a NoOptimizer; it must be"):
        own_parts.optimizer(*part(tmp_path, "optimizer", "lion.py:NoOptimizer"), weights)


def test_a_schedule_is_a_function_of_the_step(tmp_path: Path) -> None:
    own_files.write(tmp_path)
    given = {"schedule": f"{tmp_path}/stairs.py:stairs", "schedule.times": "2"}
    factor = own_parts.schedule(*recipes.resolve_with_code("digits", given))
    assert factor is not None
    assert [factor(step, 4) for step in range(4)] == [1, 1, 0.5, 0.5]
    assert own_parts.schedule(recipes.resolve("digits", {}), "") is None
    falling = own_parts.schedule(*recipes.resolve_with_code("digits", {"schedule": f"{tmp_path}/stairs.py:negative"}))
    assert falling is not None
    with pytest.raises(SpecError, match=r"schedule stairs:negative gives -0\.5 at step 3 of 4"):
        falling(3, 4)
