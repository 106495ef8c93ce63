"""The images of a data set on which a trained classifier is evaluated: any data set, or a folder of class folders.

A folder may be a test set of class folders, a data set with val/ or test/, or corrupted copies of a test set as in
ImageNet-C: <corruption>/<severity>/<class>/<image>.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from attnctl.datasets import Dataset, class_folders, describe, folder_scan
from attnctl.datasets.class_folders import is_image
from attnctl.jobs.data import load_splits
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.files import ImageFiles, index_folders, open_parts
from attnctl.jobs.data.images import Images, Transform, collate
from attnctl.jobs.data.loader import SampleRequest, Unreadable
from attnctl.jobs.data.memory import Split, resize
from attnctl.jobs.data.own_files import open_own
from attnctl.jobs.data.split import validation_split
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError, first_of

Which = Literal["test", "val", "train"]

_DEEPEST = 3
_NAMED = 3
_SEVERITY_DIGITS = 2


class Evaluated(Protocol):
    """Images with their classes, in a fixed order."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(n,) class numbers of the trained network."""

    def name(self, number: int) -> str:
        """The name of an image."""

    def batches(self, size: int) -> Iterator[Tensor]:
        """The images in order, (B, 3, H, W) uint8. Raises DataError for an unreadable one."""


@dataclass(frozen=True)
class EvaluatedPart:
    """The images of one corruption at one severity, or of a whole data set, whose corruption is empty."""

    images: Evaluated
    corruption: str = ""
    severity: int = 0


@dataclass(frozen=True)
class EvaluatedSet:
    """What a network is evaluated on. classes: the names of the network's classes."""

    parts: tuple[EvaluatedPart, ...]
    classes: tuple[str, ...]

    def content(self) -> str:
        """A digest of the names and classes of the images."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(f"{part.corruption}/{part.severity}/{len(part.images.labels)}\0".encode())
            digest.update(part.images.labels.tobytes())
            for number in range(len(part.images.labels)):
                digest.update(part.images.name(number).encode(errors="surrogateescape") + b"\0")
        return digest.hexdigest()


def open_named(spec: RunSpec, name: str, which: Which, roots: DataRoots, prepare: Transform) -> EvaluatedSet:
    """The images of a data set with the classes of a run's. prepare: an image for the run's network.

    Raises SpecError if its classes are others, and DataError if files are missing or damaged.
    """
    trained, dataset = describe(spec.dataset), describe(name)
    if "classify" not in dataset.tasks:
        raise SpecError(f"images of {dataset.name} have no single class, so a classifier cannot be evaluated on it")
    if dataset.layout == "imagefolder":
        return _of_files(spec, trained, dataset, which, roots, prepare)
    splits = load_splits(dataset, roots)
    names = _same_classes(trained, trained.names, dataset, dataset.names)
    split = splits.test if which == "test" else splits.train
    numbers = _numbers(split.labels.numpy(), which, spec, dataset)
    side = spec.recipe.input_size or trained.height
    return EvaluatedSet((EvaluatedPart(_InMemory(split, numbers, side)),), names)


def open_folder(spec: RunSpec, folder: Path, roots: DataRoots, prepare: Transform) -> EvaluatedSet:
    """The images in a folder of class folders, or in corrupted copies of it. Raises SpecError, DataError.

    Of the folder that the run was trained on, these are the images that its training left out.
    """
    own = None if describe(spec.dataset).code else roots.folder(spec.dataset)
    if own is not None and own.exists() and own.samefile(folder):
        return open_named(spec, spec.dataset, "test", roots, prepare)
    names = _class_names(describe(spec.dataset), roots)
    found = list(_parts(_test_folder(folder)))
    if not found:
        raise SpecError(f"{folder} contains no class folders with images")
    classes = describe(spec.dataset).classes
    parts = []
    for part, corruption, severity in found:
        folders = class_folders.class_folders(part)
        numbers = _class_numbers(part, folders, names, classes)
        files = index_folders(part, len(folders))
        parts.append(EvaluatedPart(_InFiles(files, numbers[files.labels], prepare), corruption, severity))
    return EvaluatedSet(tuple(parts), names or tuple(_by_number(class_folders.class_folders(found[0][0]))))


def _of_files(
    spec: RunSpec, trained: Dataset, dataset: Dataset, which: Which, roots: DataRoots, prepare: Transform
) -> EvaluatedSet:
    if dataset.is_own:
        train, test = open_own(dataset, roots.folder(dataset.name), signature=roots.signature(dataset.name))
        files = test if which == "test" else train
    else:
        (files,) = open_parts(dataset, roots.folder(dataset.name), ("val" if which == "test" else "train",))
    own = trained.names or (files.class_names if dataset == trained else _class_names(trained, roots))
    names = _same_classes(trained, own, dataset, files.class_names)
    numbers = _numbers(files.labels, which, spec, dataset)
    return EvaluatedSet((EvaluatedPart(_InFiles(files, files.labels, prepare, numbers)),), names)


def _numbers(labels: npt.NDArray[np.int64], which: Which, spec: RunSpec, dataset: Dataset) -> npt.NDArray[np.int64]:
    """The numbers of the images: all, or those that the run held out from its training images or trained on."""
    held_out = spec.recipe.val_split
    if which == "val" and (not held_out or dataset.name != spec.dataset):
        raise SpecError(
            f"run {spec.id} held out no images of {dataset.name} from its training; --split val needs val_split"
        )
    if which == "test" or not held_out or dataset.name != spec.dataset:
        return np.arange(len(labels))
    return validation_split(labels, held_out, dataset.name)[which == "val"]


def _same_classes(trained: Dataset, ours: Sequence[str], dataset: Dataset, theirs: Sequence[str]) -> tuple[str, ...]:
    """The names of the classes; raises SpecError if the two data sets have other classes."""
    if dataset.classes != trained.classes or (ours and theirs and list(ours) != list(theirs)):
        both = f"{trained.name} has {_some(ours, trained.classes)}, {dataset.name} {_some(theirs, dataset.classes)}"
        raise SpecError(f"{dataset.name} has other classes than {trained.name}, on which the run was trained: {both}")
    return tuple(ours or theirs or map(str, range(trained.classes)))


def _some(names: Sequence[str], count: int) -> str:
    if not names:
        return quantity(count, "class")
    return first_of(names, _NAMED)


def _class_names(trained: Dataset, roots: DataRoots) -> tuple[str, ...]:
    """The names of the classes of a run's data set; empty if neither its description nor its files tell them."""
    if trained.names or trained.layout != "imagefolder":
        return trained.names
    folder = roots.folder(trained.name)
    part = folder / "val" if folder is not None else None
    if part is None or not part.is_dir():
        return ()
    (files,) = open_parts(trained, folder, ("val",))
    return files.class_names


def _test_folder(folder: Path) -> Path:
    """The folder of the test images of a data set with several parts; else the folder itself."""
    if (folder / "train").is_dir():
        return next((folder / name for name in folder_scan.TEST_PARTS if (folder / name).is_dir()), folder)
    inside = class_folders.class_folders(folder)
    return folder / inside[0] if len(inside) == 1 and inside[0] in folder_scan.TEST_PARTS else folder


def _parts(folder: Path, corruption: str = "", depth: int = 0) -> Iterator[tuple[Path, str, int]]:
    """(folder of class folders, corruption, severity) of each part below a folder."""
    inside = class_folders.class_folders(folder)
    if any(_has_images(folder / name) for name in inside):
        severity = int(folder.name) if depth and folder.name.isdecimal() and len(folder.name) <= _SEVERITY_DIGITS else 0
        yield folder, corruption if depth else "", severity
    elif depth < _DEEPEST:
        for name in inside:
            below = corruption if name.isdecimal() else name
            yield from _parts(folder / name, below, depth + 1)


def _has_images(folder: Path) -> bool:
    return any(is_image(entry.name) and entry.name[0] != "." for entry in folder.iterdir())


def _class_numbers(part: Path, folders: Sequence[str], names: Sequence[str], classes: int) -> npt.NDArray[np.int64]:
    """The class number of each folder; raises SpecError if the folders are no classes of the network."""
    if names:
        if unknown := sorted(set(folders) - set(names)):
            raise SpecError(
                f"{part} has class folders that the run's data set does not have: {_some(unknown, 0)}; "
                f"its classes are {_some(names, classes)}"
            )
        return np.array([names.index(name) for name in folders])
    if len(folders) != classes:
        raise SpecError(f"{part} has {quantity(len(folders), 'class folder')} instead of {classes}")
    ordered = _by_number(folders)
    return np.array([ordered.index(name) for name in folders])


def _by_number(folders: Sequence[str]) -> list[str]:
    """The folders in the order of their numbers if all are numbers, else by name."""
    return sorted(folders, key=int) if all(name.isdecimal() for name in folders) else sorted(folders)


@dataclass(frozen=True)
class _InMemory:
    split: Split
    numbers: npt.NDArray[np.int64]
    side: int

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self.split.labels.numpy()[self.numbers]
        return found

    def name(self, number: int) -> str:
        return str(self.numbers[number])

    def batches(self, size: int) -> Iterator[Tensor]:
        for begin in range(0, len(self.numbers), size):
            chosen = torch.from_numpy(self.numbers[begin : begin + size])
            yield resize(self.split.images[chosen], self.side)


class _InFiles:
    def __init__(
        self,
        files: ImageFiles,
        labels: npt.NDArray[np.int64],
        prepare: Transform,
        numbers: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self._files, self._prepare = files, prepare
        self._numbers = np.arange(len(labels)) if numbers is None else numbers
        self.labels = labels[self._numbers]

    def name(self, number: int) -> str:
        path = Path(self._files.name(int(self._numbers[number])))
        return f"{path.parent.name}/{path.name}"

    def batches(self, size: int) -> Iterator[Tensor]:
        loader: DataLoader[Any] = DataLoader(
            Images(self._files, self._prepare, 0),
            batch_sampler=[
                [SampleRequest(int(number)) for number in self._numbers[begin : begin + size]]
                for begin in range(0, len(self._numbers), size)
            ],
            collate_fn=collate,
        )
        for batch in loader:
            if isinstance(batch, Unreadable):
                raise DataError(batch.message)
            images: Tensor = batch[0]
            yield images
