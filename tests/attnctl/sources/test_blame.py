"""An error in a user's file, in one line with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import sources
from attnctl.sources.blame import words
from tests.attnctl.sources.local_files import load, write

MINE = "import helpers\n\n\nclass Gate:\n    def __init__(self):\n        helpers.check(0)\n"
HELPERS = "def check(value):\n    if not value:\n        raise ValueError('no\\nmore of it')\n"


def blamed(tmp_path: Path, version: int) -> str:
    """Where the error of a file is said to be. version: tells this file from those of other tests."""
    source = sources.read(write(tmp_path, mine=f"{MINE}\n\nVERSION = {version}\n", helpers=HELPERS))
    gate = load(source).Gate
    with pytest.raises(ValueError, match="no") as error:
        gate()
    return words(error.value)


def test_the_innermost_line_of_the_users_own_files_is_blamed(tmp_path: Path) -> None:
    assert blamed(tmp_path, 1) == f"{tmp_path / 'helpers.py'}:3: check raises ValueError: no"


def test_a_file_below_this_folder_is_named_as_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert blamed(tmp_path, 2) == "helpers.py:3: check raises ValueError: no"


def test_an_error_outside_the_users_files_has_no_place() -> None:
    with pytest.raises(KeyError) as error:
        raise KeyError
    assert words(error.value) == "KeyError: no message"
