"""Indexes the images of a large data set by number and label: class folders or tar shards.

Class folders: `<part>/<class>/<name>.JPEG`, also in folders below the class's own, as torchvision's ImageFolder takes
them; classes are numbered in alphabetical order, as usual for ImageNet. Hidden files are passed by in silence, and all
others that are not images are left out, which a training and `attnctl data check` say. Tar
shards, as in WebDataset: uncompressed `<part>/*.tar` with members `<key>.jpg` and `<key>.cls`; the latter contains the
class number as text. Both are sorted by name, so a sample has the same number on every machine. Shards can also contain
the names of the classes: as folders (`n01440764/1.jpg`), or as WordNet ids in the names of the images.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from attnctl.datasets import Dataset, class_folders, packed
from attnctl.datasets.class_folders import IMAGE_SUFFIXES, PARTS, is_image
from attnctl.files import read_regular
from attnctl.jobs.data.archive import open_tar
from attnctl.jobs.data.errors import DataError, MissingDataError, check_files, check_sizes
from attnctl.jobs.data.staging import staged
from attnctl.units import plural, quantity
from attnctl.values import comma_join, first_of

_DEEPEST = 8
"""Levels of folders below a class folder: a link to a folder above it would never end."""
_SPLITS = dict(zip(PARTS, ("train", "test"), strict=True))
_THREADS = 16  # listing folders mostly waits for the file server
_LONGEST_LABEL = 18  # digits of a class number
_MAX_NAMES = 5  # an error about many faulty classes names this many
_SYNSET = re.compile(r"(?<![^_])n\d{8}(?![^_])")  # n01440764_10026; ILSVRC2012_val_00000001_n01751748 on Hugging Face


class ImageFiles(Protocol):
    """The images of one part of a data set, by number."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(n,) class numbers."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """By class number; empty if the files do not contain them."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """The paths of files that are neither images nor hidden."""

    def name(self, number: int) -> str:
        """The location of the image, for messages."""

    def read(self, number: int) -> bytes:
        """The encoded image; raises OSError."""


def open_parts(
    dataset: Dataset, folder: Path | None, parts: Sequence[str] = PARTS, *, stage: Path | bool = False
) -> list[ImageFiles]:
    """Open these parts of a data set. stage: copy them to this node's local disk first.

    Raises DataError if files are missing or damaged, or if the numbers of images or the classes are wrong.
    """
    present = check_files(dataset, folder)
    if packed.is_packed(present):
        raise DataError(f"{present} holds packed images, which are a data set of their own: --dataset {present}")
    source = staged(present, stage)
    opened = [index(source / part, dataset.classes) for part in parts]
    named = [(files.class_names, f"{part}/") for files, part in zip(opened, parts, strict=True) if files.class_names]
    if len(named) == len(PARTS) and (differ := class_folders.explain(dataset, present, *zip(*named, strict=True))):
        raise DataError(differ)
    counts = {_SPLITS[part]: len(files.labels) for part, files in zip(parts, opened, strict=True)}
    try:
        check_sizes(dataset, present, **counts)
    except DataError as error:
        left_out = explain_left_out(opened)
        raise type(error)(f"{error}; {left_out}" if left_out else str(error)) from error
    return opened


def index(part: Path, classes: int) -> ImageFiles:
    """Index the images under `part` (a train or val folder); raises DataError unless it has all `classes`."""
    shards = sorted(part.glob("*.tar"))
    return index_shards(shards, classes) if shards else index_folders(part, classes)


# ---------------------------------------------------------------------------------------------------- class folders


@dataclass(frozen=True)
class FolderFiles:
    """Class folders. Names are kept in an array of bytes: worker processes would copy a million Python strings."""

    part: Path
    folders: list[str]
    labels: npt.NDArray[np.int64]
    names: npt.NDArray[np.bytes_]
    others: npt.NDArray[np.bytes_] = field(default_factory=lambda: np.array([], np.bytes_))
    """The files that are neither images nor hidden, below the part."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """The paths of files that are neither images nor hidden."""
        return tuple(str(self.part / os.fsdecode(bytes(name))) for name in self.others)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the folders."""
        return tuple(self.folders)

    def path(self, number: int) -> Path:
        """The path of an image."""
        folder = self.folders[int(self.labels[number])]
        return self.part / folder / os.fsdecode(bytes(self.names[number]))

    def name(self, number: int) -> str:
        """The path of an image, for messages."""
        return str(self.path(number))

    def read(self, number: int) -> bytes:
        """The encoded image; raises OSError."""
        return read_regular(self.path(number))


def index_folders(part: Path, classes: int) -> FolderFiles:
    """Index the images of the class folders under `part`; raises DataError if a class is missing or empty."""
    folders = class_folders.class_folders(part)
    if len(folders) != classes:
        count = quantity(len(folders), "class folder")
        too_few = len(folders) < classes
        raise (MissingDataError if too_few else DataError)(
            f"{part} contains {count} instead of {classes}, and no tar shards"
        )
    with ThreadPoolExecutor(_THREADS) as pool:
        listed = list(pool.map(_list_files, (part / folder for folder in folders)))
    empty = [folder for folder, (names, _) in zip(folders, listed, strict=True) if not names]
    others = [
        os.fsencode(f"{folder}/") + name for folder, (_, names) in zip(folders, listed, strict=True) for name in names
    ]
    with os.scandir(part) as scanned:
        others += [os.fsencode(entry.name) for entry in scanned if _counts(entry) and not entry.is_dir()]
    if empty:
        instead = f"; it has other files, such as {os.fsdecode(min(others))}" if others else ""
        raise MissingDataError(f"{part} contains no images in {first_of(empty, _MAX_NAMES)}{instead}")
    labels = np.repeat(np.arange(classes), [len(names) for names, _ in listed])
    images = np.array([name for names, _ in listed for name in names])
    return FolderFiles(part, folders, labels, images, np.array(sorted(others), np.bytes_))


def _list_files(folder: Path) -> tuple[list[bytes], list[bytes]]:
    """The images of a class, and its other files, as paths within its folder, sorted; raises DataError."""
    images: list[bytes] = []
    others: list[bytes] = []
    _collect(folder, b"", images, others)
    return sorted(images), sorted(others)


def _collect(folder: Path, prefix: bytes, images: list[bytes], others: list[bytes], depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise DataError(f"{folder} is more than {_DEEPEST} folders below its class folder; is it a link in a circle?")
    with os.scandir(folder) as scanned:
        entries = [entry for entry in scanned if _counts(entry)]
    for entry in entries:
        name = prefix + os.fsencode(entry.name)
        if entry.is_dir():
            _collect(Path(entry.path), name + b"/", images, others, depth + 1)
        else:
            (images if is_image(entry.name) else others).append(name)


def _counts(entry: os.DirEntry[str]) -> bool:
    """Whether a file or folder is not hidden; macOS leaves `._1.jpg` beside `1.jpg`."""
    return not entry.name.startswith(".")


def explain_left_out(parts: Sequence[ImageFiles]) -> str:
    """What is left out of the parts for its suffix or its place; empty if nothing is."""
    paths = [path for files in parts for path in files.left_out]
    more = " ..." if len(paths) > _MAX_NAMES else ""
    is_left_out = f"{quantity(len(paths), 'file')} {plural(len(paths), 'is', 'are')} left out"
    return (
        f"{is_left_out} (no image suffix, or in no class folder): {comma_join(paths[:_MAX_NAMES])}{more}"
        if paths
        else ""
    )


# -------------------------------------------------------------------------------------------------------- tar shards


@dataclass(frozen=True)
class ShardFiles:
    """Images inside tar files, read at their offsets without unpacking."""

    shards: list[Path]
    labels: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bytes_]
    locations: npt.NDArray[np.int64]
    """(n, 3): shard, offset and size in bytes."""
    class_names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Always empty: samples in shards have other members beside their images."""

    def name(self, number: int) -> str:
        """Shard and member of an image, for messages."""
        return f"{self.shards[self.locations[number][0]]}:{os.fsdecode(bytes(self.keys[number]))}"

    def read(self, number: int) -> bytes:
        """The encoded image; raises OSError."""
        shard, offset, size = map(int, self.locations[number])
        with self.shards[shard].open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)


def index_shards(shards: list[Path], classes: int) -> ShardFiles:
    """Index the images of these shards; raises DataError naming the shard or member that is damaged or unpaired."""
    with ThreadPoolExecutor(_THREADS) as pool:
        contents = list(pool.map(_members, shards))
    rows = [(number, *row) for number, shard in enumerate(contents) for row in shard.rows]
    if not rows:
        raise DataError(f"{shards[0].parent} contains tar shards without any image")
    labels = np.array([row[2] for row in rows], dtype=np.int64)
    present = np.unique(labels)
    if not np.array_equal(present, np.arange(classes)):
        too_few = len(present) < classes and present[0] >= 0 and present[-1] < classes
        raise (MissingDataError if too_few else DataError)(
            f"the shards in {shards[0].parent} contain {quantity(len(present), 'class')} from {present[0]} to "
            f"{present[-1]} instead of all of 0..{classes - 1}"
        )
    locations = np.array([(row[0], row[3], row[4]) for row in rows], dtype=np.int64)
    hints = ([shard.folders for shard in contents], [shard.synsets for shard in contents])
    named = next(filter(None, (_class_names(set().union(*pairs), classes) for pairs in hints)), ())
    return ShardFiles(shards, labels, np.array([row[1] for row in rows]), locations, named)


def _class_names(pairs: set[tuple[int, str]], classes: int) -> tuple[str, ...]:
    """The names by class number if each class has its own name; otherwise they are not class names: empty."""
    names = dict(pairs)
    if classes == 1 or not len(pairs) == len(names) == len(set(names.values())) == classes:
        return ()
    return tuple(names[number] for number in range(classes))


class _Shard(NamedTuple):
    rows: list[tuple[bytes, int, int, int]]
    """(member name, class, offset, size) of each image, sorted by name."""
    folders: set[tuple[int, str]]
    """(class, the folder of an image)."""
    synsets: set[tuple[int, str]]
    """(class, the WordNet id in the name of an image)."""


def _members(shard: Path) -> _Shard:
    images: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, int] = {}
    try:
        with open_tar(shard, "r:") as tar:
            for member in filter(tarfile.TarInfo.isreg, tar):
                parent, _, name = member.name.rpartition("/")
                stem, _, suffix = name.partition(".")
                key = f"{parent}/{stem}"
                if suffix == "cls" and (stream := tar.extractfile(member)) is not None:
                    labels[key] = int(stream.read(_LONGEST_LABEL))
                elif f".{suffix.lower()}" in IMAGE_SUFFIXES:
                    if images.setdefault(key, member).name != member.name:
                        raise DataError(f"{shard} has two images of one sample: {images[key].name} and {member.name}")
                    images[key] = member
    except DataError:
        raise
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise DataError(f"{shard} is not a plain tar of <key>.jpg and <key>.cls pairs: {error}") from error
    if unpaired := sorted(images.keys() ^ labels.keys()):
        raise DataError(f"{shard}: {unpaired[0].lstrip('/')} lacks its image or its .cls")
    if images and _end(images) > shard.stat().st_size:
        raise DataError(f"{shard} is truncated")
    rows = sorted((os.fsencode(item.name), labels[key], item.offset_data, item.size) for key, item in images.items())
    folders = {(label, key.rsplit("/", 2)[-2]) for key, label in labels.items()}
    synsets = {(label, match[0]) for key, label in labels.items() if (match := _SYNSET.search(key.rpartition("/")[2]))}
    return _Shard(rows, folders, synsets)


def _end(images: dict[str, tarfile.TarInfo]) -> int:
    return max(item.offset_data + item.size for item in images.values())
