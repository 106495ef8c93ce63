"""Errors in users' code are one line with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import sources
from attnctl.sources import blame
from tests.attnctl.sources.local_files import load, write

MINE = "import helpers\n\n\nclass Gate:\n    def __init__(self):\n        helpers.check(0)\n"
HELPERS = "def check(value):\n    if not value:\n        raise ValueError('no\\nmore of it')\n"


def message_of(tmp_path: Path, version: int) -> str:
    """The message for an error in a user's file. version: makes the file unlike those of other tests."""
    source = sources.read(write(tmp_path, mine=f"{MINE}\n\nVERSION = {version}\n", helpers=HELPERS))
    gate = load(source).Gate
    with pytest.raises(ValueError, match="no") as error:
        gate()
    return blame.describe(error.value)


def test_the_message_names_the_innermost_line_of_the_users_files(tmp_path: Path) -> None:
    assert message_of(tmp_path, 1) == f"{tmp_path / 'helpers.py'}:3: check raises ValueError: no"


def test_a_file_below_the_current_folder_has_a_relative_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert message_of(tmp_path, 2) == "helpers.py:3: check raises ValueError: no"


def test_an_error_outside_the_users_files_has_no_place() -> None:
    with pytest.raises(KeyError) as error:
        raise KeyError
    assert blame.describe(error.value) == "KeyError: no message"
