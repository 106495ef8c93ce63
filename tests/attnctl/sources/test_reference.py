"""The text by which a user names a class in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.sources.reference import is_reference, parse
from attnctl.values import SpecError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ela", False),
        ("mine.py", True),
        ("mine.py:Gate", True),
        ("./mine", True),
        ("nets/mine.py:Gate", True),
        ("a:b", False),
    ],
)
def test_a_name_with_the_ending_of_python_or_a_folder_means_a_file(text: str, expected: bool) -> None:
    assert is_reference(text) is expected


def test_the_file_and_the_name_in_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.touch()
    found = parse(f"{file}:Gate", "module", "./mine.py:Gate")
    assert (found.file, found.attribute, found.text) == (file, "Gate", f"{file}:Gate")
    assert parse(str(file), "module", "").attribute == ""


def test_the_home_folder_may_be_written_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.py").touch()
    assert parse("~/mine.py:Gate", "module", "").file == tmp_path / "mine.py"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("./mine:Gate", "must be a Python file and a name in it, such as ./mine.py:Gate"),
        ("./none.py:Gate", "there is no file ./none.py"),
        ("a\0b.py:Gate", "must be a Python file"),
        (f"./{'x' * 300}.py:Gate", "name too long"),
    ],
)
def test_a_missing_file_is_an_error(text: str, said: str) -> None:
    with pytest.raises(SpecError) as error:
        parse(text, "module", "./mine.py:Gate")
    assert said.casefold() in str(error.value).casefold()


def test_a_folder_is_not_accepted_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(SpecError, match="is a folder"):
        parse(f"{tmp_path / 'folder.py'}:Gate", "module", "")
