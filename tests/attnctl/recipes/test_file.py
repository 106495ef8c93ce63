"""A user's own recipe: each mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.recipes.file import is_file, read
from attnctl.values import SpecError


@pytest.mark.parametrize(("name", "file"), [("digits", False), ("mine.toml", True), ("./mine", True), ("a/b", True)])
def test_a_name_with_a_folder_or_an_ending_is_a_file(name: str, file: bool) -> None:
    assert is_file(name) is file


def test_the_values_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "digits"\nlr = 0.5\nepochs = 3\nnesterov = true\n')
    assert read(str(tmp_path / "mine.toml")) == {"base": "digits", "lr": 0.5, "epochs": 3, "nesterov": True}


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("lr = 0.1\nlrr = 0.5\n", ":2: ", "did you mean 'lr'"),
        ("\nepochs = [1]\n", ":2: ", "epochs must be a text, a number, true or false"),
        ("epochs = -1\n", ":1: ", "epochs"),
        ("lr = \n", ":1", ""),
    ],
)
def test_an_error_is_reported_with_its_line(text: str, place: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(SpecError) as error:
        read(str(file))
    assert f"mine.toml{place}" in str(error.value)
    assert said in str(error.value)


def test_a_missing_file_and_a_folder_are_errors() -> None:
    with pytest.raises(SpecError, match="there is no file"):
        read("/nowhere/mine.toml")
    with pytest.raises(SpecError, match="cannot read recipe"):
        read("/")
