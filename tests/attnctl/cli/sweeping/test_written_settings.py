"""Settings that an option gives as NAME=VALUE."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping import written_settings
from attnctl.papers.runs import Overrides
from attnctl.values import SpecError


def test_a_setting_is_a_name_and_a_value_without_spaces() -> None:
    assert written_settings.read("--base", " norm-batch = 32 ", "NAME=VALUE") == ("norm_batch", "32")
    assert written_settings.read("--set", "5:epochs=3", "[TABLE:]NAME=VALUE", "epochs=3") == ("epochs", "3")


def test_fields_of_the_recipe_are_told_from_the_rest() -> None:
    values = {"dataset": "digits", "epochs": "3"}
    assert written_settings.overrides(values) == Overrides(dataset="digits", fields={"epochs": "3"})
    assert written_settings.overrides(values, ("0", "1")).seeds == ("0", "1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digits", "--base 'digits' must be NAME=VALUE"),
        ("dataset=", "--base 'dataset=' must be NAME=VALUE"),
        ("epoch=3", "--base 'epoch=3': unknown setting; did you mean 'epochs'?"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError) as raised:
        written_settings.read("--base", text, "NAME=VALUE")
    assert str(raised.value) == message
