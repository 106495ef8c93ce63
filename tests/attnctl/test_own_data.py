from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import own_data


def test_a_name_is_that_of_the_folder_and_a_hash_of_the_description() -> None:
    name = own_data.name_of("Blüten, klein (v1.2)", "{}")
    assert name == "Blüten-klein-v1.2@44136fa355"
    assert own_data.is_own(name)
    assert not own_data.is_own("cifar10")
    assert own_data.stem(name) == "Blüten-klein-v1.2"
    assert own_data.name_of("...", "{}").startswith("data@")
    assert own_data.name_of("a\u0308", "{}") == own_data.name_of("\u00e4", "{}")
    assert len(own_data.name_of("x" * 300, "{}")) < 80


@pytest.mark.parametrize("name", ["flowers@0000000000", "flowers", "../x@44136fa355", "@44136fa355", "a b@44136fa355"])
def test_a_description_is_accepted_only_under_its_own_name(name: str) -> None:
    own_data.remember("flowers@44136fa355", "{}")
    assert own_data.DESCRIPTIONS["flowers@44136fa355"] == "{}"
    with pytest.raises(ValueError, match="is not the name of the data set that is described"):
        own_data.remember(name, "{}")


def test_data_sets_of_one_name_are_told_apart() -> None:
    names = ["a@1", "a@2", "a@2", "b@1", "digits", "digits"]
    assert list(own_data.namesakes(names)) == [
        "the data set a has changed, or is split in several ways: a@1 (1 run), a@2 (2 runs) are different data sets, "
        "and their runs are kept apart"
    ]
    assert list(own_data.namesakes(["a@1", "b@2", "digits"])) == []


@pytest.mark.parametrize(
    ("description", "version"),
    [
        ('{"code_version":"ast:0123456789abcdef"}', "ast:0123456789abcdef"),
        ('{"classes":3}', ""),
        ('{"code_version":3}', ""),
        ('["code_version"]', ""),
        ('{"code_version"', ""),
    ],
)
def test_the_code_of_a_data_set_has_a_version(description: str, version: str) -> None:
    assert own_data.code_version(description) == version


def test_a_folder_may_hold_records_only_where_a_name_has_a_hash(tmp_path: Path) -> None:
    assert not own_data.may_be_recorded(tmp_path / "gone")
    (tmp_path / "notes.txt").touch()
    assert not own_data.may_be_recorded(tmp_path)
    (tmp_path / "flowers@1f0c9a3b7e.json").touch()
    assert own_data.may_be_recorded(tmp_path)
