"""Indexes the images of a large data set by number and label: class folders or tar shards.

Class folders: `<part>/<class>/<name>.JPEG`; classes are numbered in alphabetical order, as usual for ImageNet. Tar
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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from attnctl.datasets import Dataset, class_folders
from attnctl.datasets.class_folders import IMAGE_SUFFIXES, PARTS
from attnctl.jobs.data.archive import open_tar
from attnctl.jobs.data.errors import DataError, MissingDataError, check_files, check_sizes
from attnctl.jobs.data.staging import copy_to_node
from attnctl.units import quantity
from attnctl.values import comma_join

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

    def name(self, number: int) -> str:
        """The location of the image, for messages."""

    def read(self, number: int) -> bytes:
        """The encoded image; raises OSError."""


def open_parts(
    dataset: Dataset, folder: Path | None, parts: Sequence[str] = PARTS, *, stage: bool = False
) -> list[ImageFiles]:
    """Open these parts of a data set. stage: copy them to this node's local disk first.

    Raises DataError if files are missing or damaged, or if the numbers of images or the classes are wrong.
    """
    present = check_files(dataset, folder)
    source = copy_to_node(present) if stage else present
    opened = [index(source / part, dataset.classes) for part in parts]
    named = [(files.class_names, f"{part}/") for files, part in zip(opened, parts, strict=True) if files.class_names]
    if len(named) == len(PARTS) and (differ := class_folders.explain(dataset, present, *zip(*named, strict=True))):
        raise DataError(differ)
    counts = {_SPLITS[part]: len(files.labels) for part, files in zip(parts, opened, strict=True)}
    check_sizes(dataset, present, **counts)
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
        return self.path(number).read_bytes()


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
        names_by_class = list(pool.map(_image_names, (part / folder for folder in folders)))
    empty = [folder for folder, names in zip(folders, names_by_class, strict=True) if not names]
    if empty:
        more = f" and {len(empty) - _MAX_NAMES} more" if len(empty) > _MAX_NAMES else ""
        raise MissingDataError(f"{part} contains no images in {comma_join(empty[:_MAX_NAMES])}{more}")
    labels = np.repeat(np.arange(classes), [len(names) for names in names_by_class])
    return FolderFiles(part, folders, labels, np.array([name for names in names_by_class for name in names]))


def _image_names(folder: Path) -> list[bytes]:
    names = (entry.name for entry in os.scandir(folder) if entry.name.lower().endswith(IMAGE_SUFFIXES))
    return sorted(os.fsencode(name) for name in names if not name.startswith("."))


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
                    images[key] = member
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
