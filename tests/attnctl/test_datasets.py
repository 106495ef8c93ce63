"""The data sets: what is said of each, and which of their files are missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from attnctl import datasets
from attnctl.datasets import DATASETS, Dataset, describe, missing_files, names
from attnctl.values import SpecError


def test_each_data_set_is_found_by_name_and_unknown_names_get_a_suggestion() -> None:
    assert set(DATASETS) <= set(names())
    assert all(describe(name).name == name for name in DATASETS)
    with pytest.raises(SpecError, match="did you mean 'digits'"):
        describe("digit")


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_descriptor_agrees_with_itself(dataset: Dataset) -> None:
    assert min(dataset.classes, dataset.train_size, dataset.test_size, dataset.version) > 0
    assert all(0 < value < 1 for value in (*dataset.mean, *dataset.std))
    assert not dataset.names or len(dataset.names) == dataset.classes
    assert dataset.source
    assert bool(dataset.archive) == bool(dataset.md5) == bool(dataset.url)
    assert (dataset.height > 0) == (dataset.tasks == ("classify",)) or dataset.layout == "embedded"


CIFAR = describe("cifar10")


def test_missing_files_and_empty_folders_are_missing(tmp_path: Path) -> None:
    assert missing_files(CIFAR, None) == [item.name for item in CIFAR.files]
    for item in CIFAR.files[1:]:
        (tmp_path / item.name).write_bytes(b"x")
    assert missing_files(CIFAR, tmp_path) == [CIFAR.files[0].name]
    imagenet = describe("imagenet")
    (tmp_path / "train").mkdir()
    (tmp_path / "val" / "n01440764").mkdir(parents=True)
    assert missing_files(imagenet, tmp_path) == ["train (empty)"]


@pytest.mark.parametrize("inside", [True, False])
def test_the_archive_in_or_beside_the_folder_replaces_its_files(inside: bool, tmp_path: Path) -> None:
    folder = tmp_path / CIFAR.folder
    folder.mkdir()
    assert missing_files(CIFAR, folder)
    (folder if inside else tmp_path).joinpath(CIFAR.archive).write_bytes(b"x")
    assert missing_files(CIFAR, folder) == []


def test_built_in_data_sets_have_no_files() -> None:
    assert missing_files(describe("digits"), None) == []


class Entry:
    """An entry point of a package."""

    dist = None

    def __init__(self, found: object) -> None:
        self.found = found

    def load(self) -> object:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (dataclasses.replace(CIFAR, name="other"), "must be an attnctl.datasets.Dataset with name='mine'"),
        ({"name": "mine"}, "must be an attnctl.datasets.Dataset"),
        (ImportError("no module"), "cannot be loaded: ImportError: no module"),
    ],
)
def test_a_package_that_does_not_provide_a_data_set_is_an_error(
    found: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets._packaged.cache_clear()
    monkeypatch.setattr("attnctl.datasets.plugins.registered", lambda _group: {"mine": Entry(found)})
    with pytest.raises(SpecError, match="entry point 'mine'") as error:
        describe("mine")
    assert said in str(error.value)


def test_a_packages_data_set_is_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets._packaged.cache_clear()
    mine = dataclasses.replace(CIFAR, name="mine")
    monkeypatch.setattr("attnctl.datasets.plugins.registered", lambda _group: {"mine": Entry(mine)})
    assert describe("mine") is mine
    assert "mine" in names()
    datasets._packaged.cache_clear()
