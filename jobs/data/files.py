"""Where the images of a large set lie: class folders, or tar shards. An index tells them apart by number and label.

Class folders: `<part>/<class>/<name>.JPEG`; classes are numbered in the order of their names, as is usual for ImageNet.
Tar shards, the WebDataset convention: `<part>/*.tar`, not compressed, with members `<key>.jpg` and `<key>.cls`, the
latter holding the class number as text. Both are ordered by name, so that a sample's number is the same everywhere.
Shards may also tell the names of the classes: by folders (`n01440764/1.jpg`), or by WordNet ids in the images' names.
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
from attnctl.datasets.class_folders import PARTS
from attnctl.jobs.data.errors import DataError, check_files, check_sizes
from attnctl.jobs.data.staging import staged
from attnctl.units import quantity
from attnctl.values import comma_join

IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png")
_SPLITS = dict(zip(PARTS, ("train", "test"), strict=True))
_THREADS = 16  # listing is waiting for the file server
_NAMED = 5  # of many faulty classes, an error names the first
_SYNSET = re.compile(r"(?<![^_])n\d{8}(?![^_])")  # n01440764_10026; ILSVRC2012_val_00000001_n01751748 on Hugging Face


class ImageFiles(Protocol):
    """The images of one part of a data set, by number."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(n,) class numbers."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """By class number; empty where the files do not tell."""

    def name(self, number: int) -> str:
        """Where the image is, for a person."""

    def read(self, number: int) -> bytes:
        """The encoded image; raises OSError."""


def open_parts(
    dataset: Dataset, folder: Path | None, parts: Sequence[str] = PARTS, *, stage: bool = False
) -> list[ImageFiles]:
    """The images of these parts of a data set, `stage`: in a copy on this node's own disk.

    Raises DataError when files are missing or damaged, or are not as many or of other classes than they should be.
    """
    present = check_files(dataset, folder)
    source = staged(present) if stage else present
    found = [index(source / part, dataset.classes) for part in parts]
    named = [(files.class_names, f"{part}/") for files, part in zip(found, parts, strict=True) if files.class_names]
    if len(named) == len(PARTS) and (differ := class_folders.explain(dataset, present, *zip(*named, strict=True))):
        raise DataError(differ)
    counts = {_SPLITS[part]: len(files.labels) for part, files in zip(parts, found, strict=True)}
    check_sizes(dataset, present, **counts)
    return found


def index(part: Path, classes: int) -> ImageFiles:
    """The images under `part` (a train or val folder); raises DataError unless all `classes` are there."""
    shards = sorted(part.glob("*.tar"))
    return index_shards(shards, classes) if shards else index_folders(part, classes)


# ---------------------------------------------------------------------------------------------------- class folders


@dataclass(frozen=True)
class FolderFiles:
    """Class folders. Names are kept as arrays of bytes: a million strings would be copied into every worker process."""

    part: Path
    folders: list[str]
    labels: npt.NDArray[np.int64]
    names: npt.NDArray[np.bytes_]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The folders' names."""
        return tuple(self.folders)

    def path(self, number: int) -> Path:
        """The file of an image."""
        folder = self.folders[int(self.labels[number])]
        return self.part / folder / os.fsdecode(bytes(self.names[number]))

    def name(self, number: int) -> str:
        """The file of an image, for a person."""
        return str(self.path(number))

    def read(self, number: int) -> bytes:
        """The encoded image; raises OSError."""
        return self.path(number).read_bytes()


def index_folders(part: Path, classes: int) -> FolderFiles:
    """The images of the class folders under `part`; raises DataError when a class is missing or empty."""
    folders = class_folders.class_folders(part)
    if len(folders) != classes:
        raise DataError(
            f"{part} holds {quantity(len(folders), 'class folder')} and no tar shards; there should be {classes}"
        )
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(_image_names, (part / folder for folder in folders)))
    empty = [folder for folder, names in zip(folders, found, strict=True) if not names]
    if empty:
        more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
        raise DataError(f"{part} holds no images in {comma_join(empty[:_NAMED])}{more}")
    labels = np.repeat(np.arange(classes), [len(names) for names in found])
    return FolderFiles(part, folders, labels, np.array([name for names in found for name in names]))


def _image_names(folder: Path) -> list[bytes]:
    names = (entry.name for entry in os.scandir(folder) if entry.name.lower().endswith(IMAGE_SUFFIXES))
    return sorted(os.fsencode(name) for name in names if not name.startswith("."))


# -------------------------------------------------------------------------------------------------------- tar shards


@dataclass(frozen=True)
class ShardFiles:
    """Images inside tar files, read at their offset without unpacking."""

    shards: list[Path]
    labels: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bytes_]
    places: npt.NDArray[np.int64]
    """(n, 3): shard, offset and size in bytes."""
    class_names: tuple[str, ...] = ()

    def name(self, number: int) -> str:
        """Shard and member of an image, for a person."""
        return f"{self.shards[self.places[number][0]]}:{os.fsdecode(bytes(self.keys[number]))}"

    def read(self, number: int) -> bytes:
        """The encoded image; raises OSError."""
        shard, offset, size = map(int, self.places[number])
        with self.shards[shard].open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)


def index_shards(shards: list[Path], classes: int) -> ShardFiles:
    """The images of these shards; raises DataError naming the shard or member that is damaged or not of a pair."""
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(_members, shards))
    rows = [(number, *row) for number, shard in enumerate(found) for row in shard.rows]
    if not rows:
        raise DataError(f"{shards[0].parent} holds tar shards without any image")
    labels = np.array([row[2] for row in rows], dtype=np.int64)
    held = np.unique(labels)
    if not np.array_equal(held, np.arange(classes)):
        raise DataError(
            f"the shards in {shards[0].parent} hold {quantity(len(held), 'class')} from {held[0]} to {held[-1]}; "
            f"there should be all of 0..{classes - 1}"
        )
    places = np.array([(row[0], row[3], row[4]) for row in rows], dtype=np.int64)
    hints = ([shard.folders for shard in found], [shard.synsets for shard in found])
    named = next(filter(None, (_class_names(set().union(*pairs), classes) for pairs in hints)), ())
    return ShardFiles(shards, labels, np.array([row[1] for row in rows]), places, named)


def _class_names(pairs: set[tuple[int, str]], classes: int) -> tuple[str, ...]:
    """The names by class number when each class has one name of its own; else they are not class names: empty."""
    names = dict(pairs)
    if classes == 1 or not len(pairs) == len(names) == len(set(names.values())) == classes:
        return ()
    return tuple(names[number] for number in range(classes))


class _Shard(NamedTuple):
    rows: list[tuple[bytes, int, int, int]]
    """(member name, class, offset, size) of each image, by name."""
    folders: set[tuple[int, str]]
    """(class, the folder that an image is in)."""
    synsets: set[tuple[int, str]]
    """(class, the WordNet id in an image's name)."""


def _members(shard: Path) -> _Shard:
    images: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, int] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                parent, _, name = member.name.rpartition("/")
                stem, _, suffix = name.partition(".")
                key = f"{parent}/{stem}"
                if suffix == "cls" and (stream := tar.extractfile(member)) is not None:
                    labels[key] = int(stream.read())
                elif f".{suffix.lower()}" in IMAGE_SUFFIXES:
                    images[key] = member
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DataError(f"{shard} is not a plain tar of <key>.jpg and <key>.cls pairs: {error}") from error
    if alone := sorted(images.keys() ^ labels.keys()):
        raise DataError(f"{shard}: {alone[0].lstrip('/')} lacks its image or its .cls")
    if images and _end(images) > shard.stat().st_size:
        raise DataError(f"{shard} is truncated")
    rows = sorted((os.fsencode(item.name), labels[key], item.offset_data, item.size) for key, item in images.items())
    folders = {(label, key.rsplit("/", 2)[-2]) for key, label in labels.items()}
    synsets = {(label, found[0]) for key, label in labels.items() if (found := _SYNSET.search(key.rpartition("/")[2]))}
    return _Shard(rows, folders, synsets)


def _end(images: dict[str, tarfile.TarInfo]) -> int:
    return max(item.offset_data + item.size for item in images.values())
