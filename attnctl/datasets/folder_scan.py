"""Lists the images of a user's class folders, and tells whether they have changed.

There are two forms: `train/<class>/<image>` with `val/`, `valid/`, `validation/` or `test/` beside it, and
`<class>/<image>`, which is split. Hidden files and folders are passed by; links are followed.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from attnctl.datasets.class_folders import class_folders, difference, is_hidden, is_image
from attnctl.datasets.fingerprint import DataFile
from attnctl.files import reason
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join, first_of

TRAIN = "train"
TEST_PARTS = ("val", "valid", "validation", "test")
"""The names of the folder with the evaluated images; the first that exists is used."""

_LIKE_TRAIN = (TRAIN, "training")

_THREADS = 16  # reading many small files mostly waits for the disk
_SHOWN = 3  # a note names only the first of many


class ImageFile(NamedTuple):
    """An image of a class folder. name: its file name as bytes, as the file system has it."""

    folder: str
    name: bytes
    size: int
    mtime_ns: int

    @property
    def path(self) -> bytes:
        """Its path within the part."""
        return os.fsencode(self.folder) + b"/" + self.name


@dataclass(frozen=True)
class ImageFolder:
    """The images of a user's folder. parts: the training folder and the evaluated one; both "." if it is split.

    classes: the class folders with training images, in the order of the class numbers. train, test: the images in the
    order of their classes and names; a folder that is split has only `train`. notes: what a training leaves out.
    """

    root: Path
    parts: tuple[str, str]
    classes: tuple[str, ...]
    train: Sequence[ImageFile]
    test: Sequence[ImageFile]
    notes: tuple[str, ...] = ()

    @property
    def is_split(self) -> bool:
        """Whether the images are in one folder, of which some are evaluated."""
        return self.parts[0] == self.parts[1]

    @property
    def counts(self) -> tuple[int, int]:
        """The numbers of images in the training and in the evaluated folder."""
        return len(self.train), len(self.test)

    @property
    def files(self) -> list[DataFile]:
        """The images of both folders, with their parts in their names."""
        trained, others = self.trained()
        return [*trained, *others]

    def trained(self) -> tuple[list[DataFile], list[DataFile]]:
        """The images that are trained on and those that are evaluated; of a folder that is split, all and none."""
        first, second = (
            [DataFile(f"{part}/".encode() + image.path, self.path(part, image), *image[2:]) for image in images]
            for part, images in zip(self.parts, (self.train, self.test), strict=True)
        )
        return first, second

    def path(self, part: str, image: ImageFile) -> Path:
        """The path of an image."""
        return self.root / part / image.folder / os.fsdecode(image.name)


def typed_folder(text: str, path: str) -> Path:
    """The folder that was typed, with ~ replaced. text: all that was typed; raises SpecError."""
    try:
        folder = Path(path).expanduser()
        exists, is_folder = folder.exists(), folder.is_dir()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: ~ of a user who does not exist
        raise SpecError(f"dataset {text!r}: {reason(error)}") from error
    if not is_folder:
        words = f"{path} is not a folder" if exists else f"there is no folder {path}"
        raise SpecError(f"dataset {text!r}: {words}")
    return folder


def scan(root: Path) -> ImageFolder:
    """List the images of a folder; raises SpecError if it has no class folders, or if those of its parts differ."""
    parts = _parts(root)
    if parts is None:
        return _of_one_part(root)
    train, test = (_Part.read(root / part) for part in parts)
    if list(train.folders) != list(test.folders):
        names = [f"{part}/" for part in parts]
        differ = difference([list(train.folders), list(test.folders)], names)
        raise SpecError(
            f"the class folders of {names[0]} and {names[1]} in {root} differ: {differ}; make them the same"
        )
    if unlearnt := [name for name in train.folders if not train.folders[name] and test.folders[name]]:
        raise SpecError(f"{root / parts[0]} has no images of {_some(unlearnt)}, but {parts[1]}/ has; add some")
    notes = [*_notes(train, f"{parts[0]}/"), *_notes(test, f"{parts[1]}/")]
    classes = _classes(train)
    images = [image for name in classes for image in test.folders[name]]
    if not images:
        raise SpecError(f"{root / parts[1]} has no images{_ignored_suffixes(test)}")
    return ImageFolder(root, parts, classes, _images(train, classes), images, tuple(notes))


def _of_one_part(root: Path) -> ImageFolder:
    part = _Part.read(root)
    classes = _classes(part)
    return ImageFolder(root, (".", "."), classes, _images(part, classes), (), tuple(_notes(part, "")))


@dataclass
class _Part:
    """What a folder holds. folders: class folder -> its images; others: suffix -> number of files.

    nested: the sub folders of class folders; loose: the images beside the class folders.
    """

    path: Path
    folders: dict[str, list[ImageFile]] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    nested: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> _Part:
        """List a part; raises SpecError."""
        names = class_folders(path)
        loose = sorted(entry.name for entry in path.iterdir() if is_image(entry.name) and not is_hidden(entry.name))
        part = cls(path, loose=loose)
        with ThreadPoolExecutor(_THREADS) as pool:
            for name, (images, others, nested) in zip(
                names, pool.map(_entries, (path / name for name in names)), strict=True
            ):
                part.folders[name] = images
                part.others.update(others)
                part.nested += nested
        return part


def _entries(folder: Path) -> tuple[list[ImageFile], Counter[str], list[str]]:
    """The images of a class folder, the number of its other files by suffix, and its sub folders."""
    images, others, nested = [], Counter[str](), []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    nested.append(f"{folder.name}/{entry.name}")
                elif is_image(entry.name):
                    status = entry.stat()
                    if not stat.S_ISREG(status.st_mode):
                        raise SpecError(f"{entry.path} is not a file")
                    images.append(ImageFile(folder.name, os.fsencode(entry.name), status.st_size, status.st_mtime_ns))
                else:
                    others[Path(entry.name).suffix.lower() or "no suffix"] += 1
    except OSError as error:
        raise SpecError(f"{error.filename or folder} cannot be read: {error.strerror}") from error
    return sorted(images, key=lambda image: image.name), others, nested


def _parts(root: Path) -> tuple[str, str] | None:
    """The folders of the training and the evaluated images; None for one level of class folders."""
    try:
        present = {entry.name for entry in os.scandir(root) if entry.is_dir()}
    except OSError as error:
        raise SpecError(f"{root} cannot be read: {error.strerror}") from error
    tests = [name for name in TEST_PARTS if name in present]
    if TRAIN in present and tests:
        return TRAIN, tests[0]
    if TRAIN not in present and (similar := sorted(name for name in present if name.lower() in _LIKE_TRAIN)):
        raise SpecError(f"{root} has {similar[0]}/ but no {TRAIN}/: rename it")
    if TRAIN in present and len([name for name in present if not is_hidden(name)]) == 1:
        raise SpecError(
            f"{root} has {TRAIN}/ but none of {comma_join(f'{name}/' for name in TEST_PARTS)}: add one, or name "
            f"{root / TRAIN}, of which a fifth is then evaluated"
        )
    return None


def _classes(part: _Part) -> tuple[str, ...]:
    """The class folders with images; raises SpecError if there are less than two."""
    classes = tuple(name for name, images in part.folders.items() if images)
    if len(classes) > 1:
        return classes
    if not classes:
        held = f"{quantity(len(part.loose), 'image')} and no" if part.loose else "no"
        raise SpecError(
            f"{part.path} has {held} class folders with images{_ignored_suffixes(part)}; put the images of each class "
            "into a folder of its own"
        )
    raise SpecError(f"{part.path} has images of one class, {classes[0]}; a classifier needs at least two")


def _images(part: _Part, classes: Sequence[str]) -> list[ImageFile]:
    return [image for name in classes for image in part.folders[name]]


def _notes(part: _Part, label: str) -> Iterator[str]:
    """What a training leaves out of a part, or lacks there."""
    if empty := [f"{label}{name}" for name, images in part.folders.items() if not images]:
        yield f"no images in {_some(empty)}"
    if part.loose:
        yield f"images in no class folder left out: {_some([label + name for name in part.loose])}"
    if part.others:
        kinds = comma_join(sorted(part.others))
        yield f"{quantity(part.others.total(), 'file')} left out{f' of {label}' if label else ''}: {kinds}"
    if part.nested:
        yield f"sub folders of class folders left out: {_some([label + name for name in sorted(part.nested)])}"


def _ignored_suffixes(part: _Part) -> str:
    return f" (files with other suffixes: {comma_join(sorted(part.others))})" if part.others else ""


def _some(names: Sequence[str]) -> str:
    return first_of(names, _SHOWN)
