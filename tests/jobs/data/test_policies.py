"""Augmentations of single images: torchvision's policies and users' own, drawn for each sample."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest
import torch
from torch import Tensor

from attnctl import recipes
from attnctl.datasets import describe
from attnctl.jobs.data import policies
from attnctl.jobs.data.memory import InMemoryData, Splits
from attnctl.recipe_parts import AUGMENTATIONS, POLICIES
from attnctl.values import SpecError
from tests.attnctl.recipes import own_files
from tests.jobs.data.conftest import MakeSpec

CPU = torch.device("cpu")


def batches(make_spec: MakeSpec, scans: Splits, augment: str, start: int = 0, **options: str) -> list[Tensor]:
    given = {f"augment.{name}": value for name, value in options.items()}
    recipe, code = recipes.resolve_with_code("digits", {"augment": augment, **given})
    spec = make_spec(augment=recipe.augment, part_options=recipe.part_options)
    spec = dataclasses.replace(spec, versions=dataclasses.replace(spec.versions, recipe=code))
    data = InMemoryData(spec, describe("digits"), scans, CPU)
    return [images for images, _ in data.train(start, range(4), start + 2)]


def test_the_options_are_those_of_torchvision_with_its_defaults() -> None:
    assert tuple(policies.POLICIES) == POLICIES
    for name, kind in policies.POLICIES.items():
        declared = {key: value.default for key, value in inspect.signature(kind).parameters.items()}
        options = {item.name: item.default for item in AUGMENTATIONS[name] if item.name != "erasing"}
        assert options.items() <= declared.items(), name


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_depends_only_on_the_sample(name: str, make_spec: MakeSpec, scans: Splits) -> None:
    first = batches(make_spec, scans, name)
    torch.rand(3)
    again = batches(make_spec, scans, name)
    assert all(map(torch.equal, first, again))
    plain = batches(make_spec, scans, "crop-flip")
    assert [images.shape for images in first] == [images.shape for images in plain]
    assert not all(map(torch.equal, first, plain))
    later = batches(make_spec, scans, name, start=1)
    assert all(map(torch.equal, later[:4], first[4:]))


def test_random_erasing_fills_with_the_mean(make_spec: MakeSpec, scans: Splits) -> None:
    plain = batches(make_spec, scans, "trivialaugment")
    erased = batches(make_spec, scans, "trivialaugment", erasing="1")
    changed = torch.cat(erased)[torch.cat(plain) != torch.cat(erased)]
    assert changed.unique().numel() <= 3
    assert changed.abs().max() < 0.02


def test_an_own_augmentation_draws_alike_from_all_generators(
    make_spec: MakeSpec, scans: Splits, tmp_path: Path
) -> None:
    own_files.write(tmp_path)
    first, again = (batches(make_spec, scans, f"{tmp_path}/shade.py:Shade") for _ in range(2))
    assert all(map(torch.equal, first, again))
    weak = batches(make_spec, scans, f"{tmp_path}/shade.py:Shade", most="0")
    assert all(map(torch.equal, weak, batches(make_spec, scans, "none")))
    assert not any(map(torch.equal, weak, first))


def test_an_own_augmentation_must_keep_size_and_type(make_spec: MakeSpec, scans: Splits, tmp_path: Path) -> None:
    own_files.write(tmp_path)
    with pytest.raises(SpecError, match=r"augment shade:halved gives .* it must give \(3, 32, 32\) torch.uint8"):
        batches(make_spec, scans, f"{tmp_path}/shade.py:halved")
