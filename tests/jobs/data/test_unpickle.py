"""Pickles of data sets: arrays and plain values are read, and nothing is run."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.unpickle import load_restricted
from tests.jobs.data.published import python2_pickle

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 12)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_and_plain_values_are_loaded(protocol: int) -> None:
    content = {"data": ARRAY, "labels": [3, 1], "name": "batch"}
    found = load_restricted(io.BytesIO(pickle.dumps(content, protocol)), "batch")
    assert (found["labels"], found["name"]) == ([3, 1], "batch")
    assert found["data"].tolist() == ARRAY.tolist()
    assert found["data"].dtype == np.uint8


def test_pickles_of_python_2_are_loaded() -> None:
    found = load_restricted(io.BytesIO(python2_pickle({b"labels": [3, 1]})), "batch")
    assert found["labels"] == [3, 1]


class Calls:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_pickle_with_a_call_is_refused_and_nothing_is_called(tmp_path: Path) -> None:
    content = pickle.dumps({"data": Calls(tmp_path / "made")})
    with pytest.raises(DataError, match=r"^batch is damaged or not a data batch: it refers to .*mkdir"):
        load_restricted(io.BytesIO(content), "batch")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", b"\x80", b"no pickle", pickle.dumps({"data": ARRAY})[:-20]])
def test_a_damaged_pickle_is_named(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^batch is damaged or not a data batch"):
        load_restricted(io.BytesIO(content), "batch")


@pytest.mark.parametrize("value", [[1, 2], "text", ARRAY])
def test_anything_but_a_dictionary_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match=r"^batch contains a \w+ instead of a data batch"):
        load_restricted(io.BytesIO(pickle.dumps(value)), "batch")
