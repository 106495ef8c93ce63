"""Errors in a user's data, as one line."""

from __future__ import annotations

from pathlib import Path

from attnctl import own_data
from attnctl.datasets import Dataset, class_folders, missing_files
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join


class DataError(SpecError):
    """Data that is missing, damaged or does not fit the run; the message names the file."""


class MissingDataError(DataError):
    """Files of the data set are not there; the run can be trained once they are."""


def check_files(dataset: Dataset, folder: Path | None) -> Path:
    """The data set's folder; raises MissingDataError, and DataError if the class folders of its parts differ."""
    present = check_present(dataset, folder)
    if differ := class_folders.mismatch(dataset, present):
        raise DataError(differ)
    return present


def check_present(dataset: Dataset, folder: Path | None) -> Path:
    """The data set's folder; raises MissingDataError if files are missing or its file system does not answer."""
    setting = f"set root or {dataset.name} under [data] in attnctl.toml"
    if dataset.is_own:
        setting = f"set {own_data.stem(dataset.name)} under [data] in attnctl.toml to the folder"
    download = f"run `attnctl data fetch {dataset.name}`"
    if folder is None:
        then = f", then {download}" if dataset.can_be_fetched else ""
        raise MissingDataError(f"no folder is set for {dataset.name}; {setting}{then}")
    try:
        missing = missing_files(dataset, folder)
    except OSError as error:  # such as a network file system that is gone: ESTALE, ENOTCONN
        raise MissingDataError(f"{dataset.name} cannot be read in {folder}: {error.strerror}") from error
    if missing:
        advice = f"{download}, or {setting}" if dataset.can_be_fetched else setting
        raise MissingDataError(f"{dataset.name} is incomplete in {folder}: missing {comma_join(missing)}; {advice}")
    return folder


def check_sizes(dataset: Dataset, folder: Path | None, *, train: int | None = None, test: int | None = None) -> None:
    """Raise DataError unless the numbers of images are those of the descriptor.

    train, test: the numbers of images; None if they were not counted.
    """
    rows = (("training", train, dataset.train_size), ("test", test, dataset.test_size))
    wrong = [
        f"{quantity(count, f'{part} image')} instead of {size}"
        for part, count, size in rows
        if count not in (None, size)
    ]
    if wrong:
        raise DataError(
            f"{dataset.name} in {folder} has {' and '.join(wrong)}; correct the files, or register the subset as your "
            "own data set"
        )
