"""Reading a settings file by its parts: a complaint names file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.settings.reader import ConfigError, SectionReader

SOURCE = '[slurm]\ntime = 60\n\n[data]\nroot = "sets"\n'


@pytest.fixture
def located(tmp_path: Path) -> SectionReader:
    return SectionReader(tmp_path / "attnctl.toml", SOURCE)


def test_a_folder_is_relative_to_the_file(located: SectionReader, tmp_path: Path) -> None:
    assert located.path("sets", "data", "root") == (tmp_path / "sets").resolve()
    assert located.path("/sets", "data", "root") == Path("/sets")
    assert located.path("~/sets", "data", "root") == (Path.home() / "sets").resolve()


@pytest.mark.parametrize("value", ["", "a\0b"])
def test_an_invalid_folder_is_an_error(value: str, located: SectionReader) -> None:
    with pytest.raises(ConfigError, match=r"attnctl\.toml:5: root must be a folder"):
        located.path(value, "data", "root")


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (1, str, "text in quotes"),
        ("1", int, "a whole number"),
        (True, int, "a whole number"),
        (1, bool, "true or false"),
        ("x", list, "a list"),
        ([], dict, "a section"),
    ],
)
def test_a_value_of_the_wrong_kind_is_reported_with_the_expected_kind(
    value: object, kind: type, words: str, located: SectionReader
) -> None:
    with pytest.raises(ConfigError, match=rf":2: time must be {words}"):
        located.typed(value, kind, "slurm", "time")


def test_a_value_of_the_kind_is_given_back(located: SectionReader) -> None:
    assert located.typed(60, int, "slurm", "time") == 60


def test_an_unknown_key_names_the_nearest(located: SectionReader) -> None:
    located.check_keys({"time": 60}, ("time", "mem"), "slurm")
    with pytest.raises(ConfigError, match=r"did you mean 'times'"):
        located.check_keys({"time": 60}, ("times", "mem"), "slurm")
    with pytest.raises(ConfigError, match=r"attnctl\.toml:4: data "):
        located.check_keys({"data": {}}, ("slurm",), "")


def test_a_missing_key_is_reported_with_its_section(located: SectionReader) -> None:
    assert (located.line("slurm", "time"), located.line("data", "other")) == (2, 4)
