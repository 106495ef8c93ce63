"""The parts of a recipe when a sweep is planned: names, users' files, typed options, and the run's id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attnctl import recipes
from attnctl.grid import Axes, expand
from attnctl.recipes import parts
from attnctl.spec import RunSpec, recipe_from
from attnctl.values import SpecError
from tests.attnctl.recipes import own_files


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    own_files.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(**overrides: Any) -> list[RunSpec]:
    axes = {
        name.replace("__", "."): value if isinstance(value, tuple) else (value,) for name, value in overrides.items()
    }
    found = expand(Axes(modules=("none",), overrides=axes))
    assert not found.invalid, found.invalid
    return found.specs


def test_a_users_part_is_named_by_its_file_and_counts_by_its_syntax_tree(mine: Path) -> None:
    (spec,) = planned(loss="./focal.py:Focal", optimizer="lion.py:Lion", schedule="./stairs.py:stairs")
    recipe = spec.recipe
    assert (recipe.loss, recipe.optimizer, recipe.schedule) == ("focal:Focal", "lion:Lion", "stairs:stairs")
    assert recipe.part_options == ("loss.gamma=2;optimizer.betas=0.9+0.99;schedule.factor=0.5;schedule.times=3")
    assert spec.versions.recipe.count("ast:") == 3
    assert RunSpec.from_json(spec.to_json()).id == spec.id
    (mine / "focal.py").write_text("# a comment\n" + own_files.FOCAL)
    assert planned(loss="./focal.py:Focal", optimizer="lion.py:Lion", schedule="./stairs.py:stairs")[0].id == spec.id
    (mine / "focal.py").write_text(own_files.FOCAL.replace("1 -", "2 -"))
    (edited,) = planned(loss="./focal.py:Focal", optimizer="lion.py:Lion", schedule="./stairs.py:stairs")
    assert edited.id != spec.id
    assert edited.family == spec.family


def test_options_at_the_defaults_of_a_known_optimizer_do_not_change_the_id() -> None:
    (plain,) = planned(optimizer="adamw")
    (same,) = planned(optimizer="adamw", optimizer__eps="1e-8", optimizer__amsgrad="false")
    assert same.id == plain.id
    assert "part_options" not in plain.canonical()
    assert planned(optimizer="adamw", optimizer__eps="1e-6")[0].id != plain.id


def test_options_are_axes_for_the_parts_that_have_them() -> None:
    specs = planned(loss=("default", "./focal.py:Focal"), loss__gamma=("1", "3"))
    assert [spec.recipe.part_options for spec in specs] == ["none", "loss.gamma=1", "loss.gamma=3"]


def test_the_first_beta_is_the_momentum_of_the_recipe() -> None:
    recipe = recipes.resolve("digits", {"optimizer": "adam", "optimizer.betas": "0.8+0.999"})
    assert (recipe.momentum, recipe.part_options) == (0.8, "none")
    assert recipe == recipes.resolve("digits", {"optimizer": "adam", "momentum": 0.8})
    with pytest.raises(SpecError, match=r"betas=0.8\+0.9 means momentum=0.8; give only one of them"):
        recipes.resolve("digits", {"optimizer": "adam", "optimizer.betas": "0.8+0.9", "momentum": 0.7})


def test_the_options_of_a_recipe_go_with_its_part(mine: Path) -> None:
    (mine / "mine.toml").write_text('base = "digits"\nloss = { name = "focal.py:Focal", gamma = 3 }\n')
    recipe = recipes.resolve("./mine.toml", {})
    assert (recipe.loss, recipe.part_options) == ("focal:Focal", "loss.gamma=3")
    assert recipes.resolve("./mine.toml", {"loss.gamma": "1"}).part_options == "loss.gamma=1"
    assert recipes.resolve("./mine.toml", {"loss": "default"}).part_options == "none"
    assert recipe_from(vars(recipe)) == recipe


def test_files_of_a_recipe_are_found_from_its_folder(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine / "mine.toml").write_text('base = "digits"\nloss = "focal.py:Focal"\n')
    (mine / "other").mkdir()
    monkeypatch.chdir(mine / "other")
    assert recipes.resolve("../mine.toml", {}).loss == "focal:Focal"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"optimizer": "adan"}, "optimizer is adan; it must be one of sgd, adamw"),
        ({"optimizer": "./none.py:A"}, "optimizer './none.py:A': there is no file ./none.py"),
        ({"optimizer": "lion:Lion"}, "optimizer 'lion:Lion' is in a user's file; name the file"),
        ({"optimizer": "lion.py:Loin"}, "lion.py has no class 'Loin'; did you mean 'Lion'?"),
        ({"optimizer": "adam", "optimizer.epss": "1"}, "optimizer adam has no option 'epss'; did you mean 'eps'?"),
        ({"optimizer": "adam", "optimizer.eps": "x"}, "optimizer.eps is x; it must be a number"),
        ({"loss.gamma": "1"}, "loss default has no option 'gamma'; it has none"),
        ({"loss": "focal.py:Focal", "label_smoothing": 0.1}, "label_smoothing=0.1 would have no effect: focal:Focal"),
        ({"metrics": "scores.py:top1"}, "metrics: top1 is the name of a result of attnctl's own; rename the function"),
        ({"metrics": "scores.py:order+scores.py:order"}, "metrics has scores:order twice"),
        ({"loss": "focal.py"}, "focal.py has Focal, smoothed, constant"),
        ({"losses.gamma": "1"}, "unknown recipe field 'losses.gamma'"),
        ({"part_options": "loss"}, "part_options has 'loss'; write PART.NAME=VALUE"),
    ],
)
def test_a_wrong_part_is_told_with_what_is_right(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as error:
        recipes.resolve("digits", overrides)
    assert message in str(error.value)


def test_a_loss_that_takes_label_smoothing_gets_the_recipes() -> None:
    recipe, code = recipes.resolve_with_code("digits", {"loss": "focal.py:smoothed", "label_smoothing": 0.2})
    (part,) = parts.of_run(recipe, code, "loss")
    assert parts.arguments(part, recipe) == {"label_smoothing": 0.2}


def test_arguments_have_the_declared_types() -> None:
    recipe, code = recipes.resolve_with_code("digits", {"optimizer": "lion.py:Lion", "optimizer.betas": "0.5+0.6"})
    (part,) = parts.of_run(recipe, code, "optimizer")
    assert parts.arguments(part, recipe) == {"lr": 0.1, "weight_decay": 0.0005, "betas": (0.5, 0.6)}
