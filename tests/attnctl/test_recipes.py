"""How to train, as data: built-in recipes, a user's own, and what is asked for beside them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from attnctl import datasets, recipes
from attnctl.values import SpecError


@pytest.mark.parametrize("name", recipes.names())
def test_each_recipe_is_one(name: str) -> None:
    recipe = recipes.resolve(name, {})
    assert bool(recipe.epochs) != bool(recipe.steps)
    assert {**vars(recipe)}.items() >= recipes.load(name).items()


@pytest.mark.parametrize(
    ("dataset", "backbone", "model", "expected"),
    [
        ("digits", "resnet20", "", "digits"),
        ("cifar10", "resnet20", "", "cifar"),
        ("cifar100", "mobilenet_v2_cifar", "", "cifar-light"),
        ("imagenet", "resnet50", "", "imagenet-resnet"),
        ("imagenet", "mobilenet_v2", "", "imagenet-light"),
        ("voc07", "cspdarknet_nano", "yolox_nano", "ela-yolox"),
    ],
)
def test_the_default_recipe_depends_on_data_set_backbone_and_model(
    dataset: str, backbone: str, model: str, expected: str
) -> None:
    assert recipes.default_for(dataset, backbone, model) == expected


def test_given_values_replace_those_of_the_recipe() -> None:
    assert recipes.resolve("digits", {"lr": 0.5}).lr == 0.5
    with pytest.raises(SpecError, match="did you mean 'lr'"):
        recipes.resolve("digits", {"lrr": 0.5})


def test_a_batch_smaller_than_its_forwards_becomes_one_forward_by_default() -> None:
    forward = recipes.resolve("digits", {}).norm_batch
    small = recipes.resolve("digits", {"batch": forward // 2})
    assert (small.batch, small.norm_batch) == (forward // 2, forward // 2)
    with pytest.raises(SpecError):
        recipes.resolve("digits", {"batch": forward // 2, "norm_batch": forward})


def test_steps_and_epochs_replace_each_other() -> None:
    by_steps = recipes.resolve("digits", {"steps": 100, "warmup_steps": 5})
    assert (by_steps.epochs, by_steps.steps) == (0, 100)
    stepped = next(name for name in recipes.names() if recipes.load(name).get("steps"))
    assert recipes.resolve(stepped, {"epochs": 3}).steps == 0


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean 'digits'"):
        recipes.load("digit")


def test_a_users_recipe_can_be_based_on_a_built_in_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "digits"\nlr = 0.5\n')
    assert recipes.load(str(file)) == {**recipes.load("digits"), "lr": 0.5}


@pytest.mark.parametrize(("base", "said"), [("digit", "did you mean 'digits'"), ("./other.toml", "must be one of")])
def test_an_unknown_base_recipe_is_reported_with_its_file(base: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'base = "{base}"\n')
    with pytest.raises(SpecError, match=r"mine\.toml: base") as error:
        recipes.load(str(file))
    assert said in str(error.value)


def test_an_input_size_replaces_the_sizes_of_a_recipe_for_several() -> None:
    several = recipes.resolve("ela-yolox", {})
    assert several.short_sides() == (*range(480, 640, 32), *range(672, 801, 32), 640)
    assert recipes.resolve("ela-yolox", {"input_size": 416}).short_sides() == ()
    given = recipes.resolve("ela-yolox", {"input_size": 416, "min_sizes": "384+416"})
    assert given.short_sides() == (384, 416)


@pytest.mark.parametrize(("size", "expected"), [(10_000, None), (256, None), (255, 32), (100, 16), (4, 1), (1, 1)])
def test_small_data_sets_of_ones_own_have_small_batches(size: int, expected: int | None) -> None:
    dataset = dataclasses.replace(datasets.describe("imagenet"), recipe="folder", train_size=size)
    values = recipes.fitted(dataset)
    assert values == ({} if expected is None else {"batch": expected, "lr": 0.05 * expected / 64})
    recipe = recipes.resolve("folder", values)
    assert recipe.norm_batch == min(32, recipe.batch)
