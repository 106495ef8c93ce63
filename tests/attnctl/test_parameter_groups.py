"""Parameter groups as text: their forms, the one canonical text, and what is refused."""

from __future__ import annotations

import pytest

from attnctl import recipes
from attnctl.parameter_groups import ParameterGroup, canonical, read
from attnctl.spec import recipe_from
from attnctl.values import SpecError


def test_a_text_gives_its_groups_in_their_order() -> None:
    assert read("head.*:lr=10;*.gamma:lr=0.1+weight_decay=0") == (
        ParameterGroup("head.*", 10.0, None),
        ParameterGroup("*.gamma", 0.1, 0.0),
    )


@pytest.mark.parametrize(
    ("name", "fits"),
    [("backbone.layer1.0.conv1.weight", True), ("backbone", False), ("head.backbone.weight", False)],
)
def test_a_star_also_stands_for_dots_and_the_whole_name_must_fit(name: str, fits: bool) -> None:
    assert ParameterGroup("backbone.*").fits(name) == fits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:lr=0.10", "a:lr=0.1"),
        (" a : weight_decay=0.0 + lr=.5 ; b:lr=1", "a:lr=0.5+weight_decay=0;b:lr=1"),
        ("a:lr=1+weight_decay=1e-4", "a:weight_decay=0.0001"),
    ],
)
def test_texts_that_describe_the_same_groups_are_one(text: str, expected: str) -> None:
    assert canonical(text) == expected
    assert canonical(expected) == expected
    assert recipes.resolve("digits", {"param_groups": text}).param_groups == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "param_groups has ''; write PATTERN:SETTING=VALUE, such as 'head.*:lr=10;"),
        ("head.*", "param_groups has 'head.*'; write PATTERN:SETTING=VALUE"),
        ("head.*:rate=2", "param_groups head.*: unknown setting 'rate'; known: lr, weight_decay"),
        ("head.*:lr", "param_groups head.*: lr is empty; it must be a number"),
        ("head.*:lr=fast", "param_groups head.*: lr is fast; it must be a number"),
        ("head.*:lr=-1", "param_groups head.*: lr is -1; it must be at least 0"),
        ("head.*:lr=1+lr=2", "param_groups head.*: lr is given twice"),
        ("a:lr=1;a:lr=2", "param_groups has 'a' twice; only the first would apply"),
    ],
)
def test_a_wrong_text_is_refused_with_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        recipes.resolve("digits", {"param_groups": text})
    assert str(error.value).startswith(message)


def test_a_recipe_keeps_its_groups_through_json() -> None:
    recipe = recipes.resolve("digits", {"param_groups": "fc.*:lr=10"})
    assert recipe_from(vars(recipe)) == recipe
    assert recipe.parameter_groups() == (ParameterGroup("fc.*", 10.0),)
