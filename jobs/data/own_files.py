"""The images of a user's own data set, as `ImageFiles`: those that were measured, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from attnctl.datasets import Dataset, arrow_images, folder_scan, hub, own, packed
from attnctl.datasets.arrow_images import ArrowImages
from attnctl.datasets.folder_scan import ImageFile, ImageFolder
from attnctl.datasets.hub import HubFolder
from attnctl.datasets.object_scan import ObjectFolder
from attnctl.datasets.packed import PackedFolder
from attnctl.jobs.data import coded
from attnctl.jobs.data.errors import DataError, MissingDataError, check_present
from attnctl.jobs.data.files import FolderFiles, ImageFiles
from attnctl.jobs.data.packed_files import open_packed
from attnctl.jobs.data.split import stratified
from attnctl.jobs.data.staging import staged
from attnctl.values import SpecError


def check_own(
    dataset: Dataset, folder: Path | None, signature: str = ""
) -> ImageFolder | ObjectFolder | PackedFolder | HubFolder:
    """The files of a user's own data set; raises MissingDataError unless those that were measured are there.

    signature: see `own.check_unchanged`.
    """
    present = check_present(dataset, folder)
    try:
        return own.check_unchanged(dataset, present, signature)
    except SpecError as error:
        raise MissingDataError(str(error)) from error


def open_own(
    dataset: Dataset, folder: Path | None, *, signature: str = "", stage: Path | bool = False
) -> list[ImageFiles]:
    """The training and the evaluated images. stage: copy them to this node's local disk first.

    Raises MissingDataError unless those that were measured are there. signature: see `own.check_unchanged`.
    """
    if dataset.code:
        return [*coded.open_code(dataset, folder)]
    scanned = check_own(dataset, folder, signature)
    if isinstance(scanned, HubFolder):
        return [*_open_hub(dataset, scanned, stage=stage)]
    if isinstance(scanned, PackedFolder):
        return [*open_packed(packed.scan(staged(scanned.root, stage)) if stage else scanned)]
    assert isinstance(scanned, ImageFolder), "only class folders are opened as images"
    scanned = folder_scan.scan(staged(scanned.root, stage)) if stage else scanned
    train = _files(scanned, scanned.parts[0], scanned.train)
    if not scanned.is_split:
        return [train, _files(scanned, scanned.parts[1], scanned.test)]
    rest, taken = stratified(train.labels, dataset.test_size, _purpose(dataset))
    return [FolderFiles(train.part, train.folders, train.labels[index], train.names[index]) for index in (rest, taken)]


def _open_hub(dataset: Dataset, scanned: HubFolder, *, stage: Path | bool) -> list[ArrowImages]:
    """The images of a data set of Hugging Face; raises DataError if its files cannot be read."""
    try:
        scanned = hub.scan(staged(scanned.root, stage)) if stage else scanned
        parts = arrow_images.open_parts(scanned, *dataset.columns)
    except DataError:
        raise
    except SpecError as error:
        raise DataError(f"{dataset.name}: {error}") from error
    if not scanned.is_split:
        return parts
    return [parts[0].of(index) for index in stratified(parts[0].labels, dataset.test_size, _purpose(dataset))]


def _purpose(dataset: Dataset) -> str:
    return f"own test {dataset.split_seed}"


def _files(scanned: ImageFolder, part: str, images: Sequence[ImageFile]) -> FolderFiles:
    numbers = {name: number for number, name in enumerate(scanned.classes)}
    labels = np.array([numbers[image.folder] for image in images], dtype=np.int64)
    return FolderFiles(scanned.root / part, list(scanned.classes), labels, np.array([image.name for image in images]))
