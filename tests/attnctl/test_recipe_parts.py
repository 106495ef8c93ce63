"""Options of a recipe's parts as text, and the names of parts."""

from __future__ import annotations

from typing import Literal

import pytest

from attnctl import recipe_parts
from attnctl.recipe_parts import NUMBERS, Option
from attnctl.values import SpecError


def test_options_are_one_sorted_text_that_is_read_back() -> None:
    text = recipe_parts.written({"optimizer.eps": 1e-6, "loss.gamma": 2.0, "augment.all": True})
    assert text == "augment.all=true;loss.gamma=2;optimizer.eps=1e-06"
    assert recipe_parts.read(text) == {"augment.all": "true", "loss.gamma": "2", "optimizer.eps": "1e-06"}
    assert recipe_parts.written({}) == "none"
    assert recipe_parts.read("none") == {}


@pytest.mark.parametrize("text", ["loss", "loss.gamma", "loss.gamma=", "module.kernel=3", "loss.a b=1", ".gamma=1", ""])
def test_a_text_that_is_not_options_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"write PART\.NAME=VALUE"):
        recipe_parts.read(text)


def test_an_option_cannot_be_given_twice_or_have_a_semicolon() -> None:
    with pytest.raises(SpecError, match=r"loss\.gamma twice"):
        recipe_parts.read("loss.gamma=1;loss.gamma=2")
    with pytest.raises(SpecError, match="cannot have a semicolon"):
        recipe_parts.written({"loss.kind": "a;b"})


def test_options_of_several_numbers_are_converted_and_counted() -> None:
    option = Option("betas", NUMBERS, "0.9+0.999")
    assert option.convert("0.95 + 1e+0", "optimizer.betas") == "0.95+1"
    assert option.argument("0.95+0.98") == (0.95, 0.98)
    for wrong in ("0.9", "0.9+0.9+0.9", "0.9+x", ""):
        with pytest.raises(SpecError, match=r"it must be 2 numbers such as 0\.9"):
            option.convert(wrong, "optimizer.betas")


def test_other_options_have_the_types_of_hyperparameters() -> None:
    assert Option("gamma", float, 2.0).convert("3", "loss.gamma") == 3.0
    assert Option("kind", Literal["a", "b"], "a").convert("b", "loss.kind") == "b"
    with pytest.raises(SpecError, match=r"loss\.gamma is x; it must be a number"):
        Option("gamma", float, 2.0).convert("x", "loss.gamma")


def test_a_base_gives_the_options_of_the_parts_that_stay() -> None:
    base = {"optimizer": "adam", "part_options": "optimizer.eps=1e-06;loss.gamma=2"}
    assert recipe_parts.merged(base, {}) == "loss.gamma=2;optimizer.eps=1e-06"
    assert recipe_parts.merged(base, {"optimizer": "sgd", "part_options": "loss.gamma=1"}) == "loss.gamma=1"


def test_versions_of_several_files_are_read_back() -> None:
    versions = {"loss": ("ast:0",), "metrics": ("", "ast:1"), "optimizer": ("",)}
    assert recipe_parts.written_code(versions) == "loss=ast:0;metrics=+ast:1"
    assert recipe_parts.read_code("loss=ast:0;metrics=+ast:1") == {"loss": ("ast:0",), "metrics": ("", "ast:1")}
    assert recipe_parts.read_code("") == {}


@pytest.mark.parametrize("name", ["sgd", "./mine.py:Lion", "mine:Lion", "mine.py"])
def test_a_part_is_a_known_name_or_a_users_file(name: str) -> None:
    recipe_parts.check_name("optimizer", name)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"optimizer is adan; .*\./mine.py:MyOptimizer; did you mean 'adam'\?"):
        recipe_parts.check_name("optimizer", "adan")


def test_settings_are_shown_as_typed() -> None:
    assert recipe_parts.setting_text("lr", 0.1) == "lr=0.1"
    assert recipe_parts.setting_text("part_options", "loss.gamma=2;optimizer.eps=1e-06") == (
        "loss.gamma=2 optimizer.eps=1e-06"
    )
    assert recipe_parts.setting_text("part_options", "none") == "default options"
