"""The recipe's options in a help: the everyday ones, or all of them, with the defaults that apply."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.cli import main
from attnctl.cli.value_names import of_list
from attnctl.spec import recipe_types
from tests.attnctl.recipes import own_files


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """A plain help, its lines joined."""
    assert main(words) == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", ["sweep", "try"])
def test_a_help_shows_the_everyday_recipe_options_and_how_to_see_the_others(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shown(capsys, command, "ela", "--help")
    assert "--kernel N,N,..." in found
    for name in ("--epochs", "--batch", "--norm-batch", "--lr", "--help-recipe"):
        assert f" {name} " in found
    assert "--label-smoothing" not in found


def test_help_recipe_shows_every_field_with_the_default_of_the_recipe_that_applies(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = shown(capsys, "sweep", "ela", "--dataset", "imagenet", "--backbone", "resnet50", "--help-recipe")
    for name, declared in recipe_types().items():
        assert f"--{name.replace('_', '-')} {of_list(declared)}" in found
    assert "with the defaults of recipe imagenet-resnet" in found
    assert "A whole number, at least 1. [default: 90]" in found
    assert "--kernel N" not in found
    assert "--partition" not in found


@pytest.mark.parametrize(
    ("words", "recipe"),
    [
        ((), "digits"),
        (("--recipe", "cifar"), "cifar"),
        (("--recipe=imagenet-light",), "imagenet-light"),
        (("--dataset=cifar100", "--backbone", "mobilenet_v2"), "cifar-light"),
        (("--model", "yolox_nano", "--dataset", "digits-det"), "digits-det"),
    ],
)
def test_the_help_shows_the_recipe_that_a_sweep_would_use(
    words: tuple[str, ...], recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"with the defaults of recipe {recipe}." in shown(capsys, "sweep", "ela", *words, "--help-recipe")


def test_an_unknown_recipe_hides_the_defaults_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, "sweep", "ela", "--recipe", "nonsense", "--help-recipe")
    assert "--epochs N,N,..." in found
    assert "default: 8]" not in found


def test_the_options_of_named_parts_are_options_and_axes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own_files.write(tmp_path)
    chosen = ("--loss", "./focal.py:Focal", "--optimizer=adamw", "--metrics", "nothing.py:kappa")
    found = shown(capsys, "sweep", "ela", *chosen, "--help")
    assert "--loss.gamma X,X,..." in found
    assert "Option of focal:Focal: a number; default 2" in found
    assert "--optimizer.eps X,X,..." in found
    assert "--loss.gamma" not in shown(capsys, "sweep", "ela", "--help")
    own = ("--loss", "./focal.py:Focal", "--lr", "0.003", "--run-on", "local", "--dry-run", "--json")
    assert main(["sweep", "none", *own, "--loss.gamma", "1,3"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [run["recipe"]["part_options"] for run in runs] == ["loss.gamma=1", "loss.gamma=3"]
