"""Errors in a user's data, as one line."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from attnctl import own_data
from attnctl.datasets import Dataset, class_folders, missing_files
from attnctl.units import plural, quantity
from attnctl.values import SpecError, comma_join

_ABSENT = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ESTALE,  # these and the following: a network file system whose server is gone
    errno.ENOTCONN,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
}
"""The system's errors for files that are not there."""


class DataError(SpecError):
    """Data that is missing, damaged or does not fit the run; the message names the file."""


class MissingDataError(DataError):
    """Files of the data set are not there; the run can be trained once they are."""


def reading_error(message: str, error: Exception) -> DataError:
    """The error with this message for a file that cannot be read: a MissingDataError if it is not there."""
    return (MissingDataError if isinstance(error, OSError) and error.errno in _ABSENT else DataError)(message)


class FaultyFilesError(DataError):
    """Several files, or entries of one, are wrong. problems: a line for each; the message has the first of them."""

    def __init__(self, problems: Sequence[str], *nouns: str) -> None:
        self.problems = tuple(problems)
        more = quantity(len(problems) - 1, *(f"other {noun}" for noun in nouns or ("file",)))
        super().__init__(
            f"{problems[0]}; {more} {plural(len(problems) - 1, 'is', 'are')} also wrong: see `attnctl data check`"
        )


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
    """Raise DataError unless the numbers of images are those of the descriptor: MissingDataError if all are smaller.

    train, test: the numbers of images; None if they were not counted.
    """
    rows = (("training", train, dataset.train_size), ("test", test, dataset.test_size))
    wrong = [(part, count, size) for part, count, size in rows if count is not None and count != size]
    if wrong:
        counts = " and ".join(f"{quantity(count, f'{part} image')} instead of {size}" for part, count, size in wrong)
        raise (MissingDataError if all(count < size for _, count, size in wrong) else DataError)(
            f"{dataset.name} in {folder} has {counts}; correct the files, or register the subset as your own data set"
        )
