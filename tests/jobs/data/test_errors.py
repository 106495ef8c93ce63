"""What is wrong with a user's data, in one line that says what to do."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import pytest

from attnctl.datasets import describe
from attnctl.jobs.data.errors import DataError, MissingDataError, check_files, check_sizes, reading_error

SMALL = dataclasses.replace(describe("imagenet"), classes=2, train_size=4, test_size=2)


def folders(root: Path, train: tuple[str, ...], val: tuple[str, ...]) -> Path:
    for part, names in (("train", train), ("val", val)):
        for name in names:
            (root / part / name).mkdir(parents=True)
    return root


def test_a_complete_folder_is_returned(tmp_path: Path) -> None:
    root = folders(tmp_path, ("cat", "dog"), ("cat", "dog"))
    assert check_files(SMALL, root) == root


def test_without_a_folder_the_error_names_the_setting_and_the_download() -> None:
    with pytest.raises(DataError, match=r"no folder is set for imagenet; set root or imagenet") as error:
        check_files(SMALL, None)
    assert "data fetch" not in str(error.value)
    with pytest.raises(DataError, match=r"attnctl data fetch cifar10"):
        check_files(describe("cifar10"), None)


def test_missing_files_are_named_with_their_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        check_files(describe("cifar10"), tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "missing" in str(error.value)


def test_parts_whose_classes_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wolf"):
        check_files(SMALL, folders(tmp_path, ("cat", "dog"), ("cat", "wolf")))


@pytest.mark.parametrize(("train", "test"), [(4, 2), (None, 2), (4, None), (None, None)])
def test_the_right_number_of_images_passes_and_uncounted_parts_are_ignored(train: int | None, test: int | None) -> None:
    check_sizes(SMALL, Path("/data"), train=train, test=test)


def test_too_few_and_too_many_images_are_both_reported(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"3 training images instead of 4 and 1 test image instead of 2"):
        check_sizes(SMALL, tmp_path, train=3, test=1)
    with pytest.raises(DataError, match=r"3 training images instead of 4 and 3 test images instead of 2") as error:
        check_sizes(SMALL, tmp_path, train=3, test=3)
    assert type(error.value) is DataError


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), True),
        (OSError(errno.ESTALE, "Stale file handle"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (ValueError("damaged"), False),
    ],
)
def test_only_a_file_that_is_not_there_is_missing(error: Exception, missing: bool) -> None:
    found = reading_error("x.jpg cannot be read", error)
    assert (type(found), str(found)) == (MissingDataError if missing else DataError, "x.jpg cannot be read")
