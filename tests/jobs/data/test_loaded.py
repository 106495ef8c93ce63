"""Data sets of installed packages: what their function gives is held against the descriptor."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from attnctl.datasets import Dataset, describe
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.loaded import load

DATASET: Dataset = dataclasses.replace(
    describe("digits"),
    name="stripes",
    load="some_package:load",
    classes=3,
    train_size=6,
    test_size=3,
    height=4,
    width=5,
)


def part(size: int, **other: Any) -> tuple[Any, Any]:
    images = np.zeros((size, DATASET.channels, 4, 5), np.uint8)
    return other.get("images", images), other.get("labels", np.arange(size) % 3)


@pytest.fixture
def gives(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path | None], Any]], None]:
    """Installs a package whose function this is."""

    def install(function: Callable[[Path | None], Any]) -> None:
        module = ModuleType("some_package")
        module.load = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "some_package", module)

    return install


def test_the_result_of_the_function_is_the_data(gives: Callable[..., None], tmp_path: Path) -> None:
    asked: list[Path | None] = []

    def parts(folder: Path | None) -> Any:
        asked.append(folder)
        return part(6), part(3)

    gives(parts)
    train, test = load(DATASET, tmp_path)
    assert asked == [tmp_path]
    assert (train.images.dtype, train.labels.tolist()) == (torch.uint8, [0, 1, 2, 0, 1, 2])
    assert (test.images.shape, test.labels.dtype) == ((3, DATASET.channels, 4, 5), torch.int64)


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (part(5), "training images"),
        (part(6, images=np.zeros((6, DATASET.channels, 4, 5), np.float32)), "float32"),
        (part(6, images=np.zeros((6, 4, 5, DATASET.channels), np.uint8)), "training images"),
        (part(6, labels=np.arange(6)), "labels outside 0..2"),
        (part(6, labels=np.arange(6) - 1), "labels outside 0..2"),
        (part(6, labels=np.zeros((6, 3), int)), "labels"),
    ],
)
def test_data_that_does_not_match_the_descriptor_is_refused(train: Any, words: str, gives: Callable[..., None]) -> None:
    gives(lambda _: (train, part(3)))
    with pytest.raises(DataError, match=r"^stripes: some_package:load returns") as error:
        load(DATASET, None)
    assert words in str(error.value)


def test_an_error_of_the_package_is_reported_with_its_function(gives: Callable[..., None]) -> None:
    def broken(_folder: Path | None) -> Any:
        raise KeyError("labels")

    gives(broken)
    with pytest.raises(DataError, match=r"^stripes: some_package:load failed: KeyError: 'labels'$"):
        load(DATASET, None)


def test_a_data_error_of_the_package_is_passed_on(gives: Callable[..., None]) -> None:
    def refuses(_folder: Path | None) -> Any:
        raise DataError("stripes.npz is missing")

    gives(refuses)
    with pytest.raises(DataError, match=r"^stripes.npz is missing$"):
        load(DATASET, None)
