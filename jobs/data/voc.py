"""PASCAL VOC in its published form: lists in ImageSets, an XML file of boxes for each image, palette PNGs of classes.

A part is `VOC2007/trainval`: the folder of a year, and a list in its ImageSets/Main, or in ImageSets/Segmentation for
class maps; it is `trainval` where there are no folders of years. Pixels count from 1 there and a box holds its last
one, so that (xmin, ymin, xmax, ymax) is here (xmin - 1, ymin - 1, xmax, ymax).

`VOC2012/train_aug` is VOC's training list with what the Semantic Boundaries data set (SBD) adds to it, less VOC's
validation list. It is read from ImageSets/Segmentation/train_aug.txt or trainaug.txt, else made from SBD's own
lists in benchmark_RELEASE beside the year. Its maps are VOC's own where there are any, else those in
SegmentationClassAug (palette PNGs) or SBD's .mat files.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.files import IMAGE_SUFFIXES
from attnctl.jobs.data.images import decoded
from attnctl.jobs.data.maps import read_map
from attnctl.jobs.data.scenes import Bytes, Objects, Table, nothing, tabled
from attnctl.jobs.data.sizes import Size, Stored, as_annotated, read_stored
from attnctl.units import quantity
from attnctl.values import comma_join, did_you_mean

TRAIN_AUG = "train_aug"

_SBD = Path("benchmark_RELEASE", "dataset")
_THREADS = 16  # reading small files is waiting for the file server
_NAMED = 3  # of many files that are not there, an error names the first


@dataclass(frozen=True)
class VocScenes:
    """`attnctl.jobs.data.scenes.Scenes` of VOC's files. images: the file of each; maps: its class map, if wanted."""

    images: list[Path]
    maps: list[Path]
    table: Table
    names: tuple[str, ...]

    @property
    def categories(self) -> tuple[int, ...]:
        """VOC's classes have no ids: they are numbered from 1."""
        return tuple(range(1, len(self.names) + 1))

    def __len__(self) -> int:
        return len(self.images)

    def number(self, index: int) -> int:
        """The image's place in the lists."""
        return index

    def name(self, index: int) -> str:
        """The image's file."""
        return str(self.images[index])

    def stored(self, index: int) -> Stored:
        """The image's size and orientation in its file; raises DataError."""
        return read_stored(self.images[index])

    def image(self, index: int) -> Image.Image:
        """The image in three channels and in its annotated size; raises DataError, ImageSizeError for another size."""
        name = self.name(index)
        return as_annotated(decoded(self.images[index].read_bytes, name), name, self.table.size(index))

    def masks(self, index: int, height: int, width: int) -> Bytes:
        """Of SegmentationObject, where object k of the XML file has the pixels of value k; raises DataError."""
        image = self.images[index]
        found = read_map(image.parent.parent / "SegmentationObject" / f"{image.stem}.png", height, width)
        count = int(self.table.first[index + 1] - self.table.first[index])
        masks: Bytes = (found == np.arange(1, count + 1)[:, None, None]).astype(np.uint8)
        return masks

    def classes(self, index: int, height: int, width: int) -> Bytes:
        """The class map; raises DataError."""
        return read_map(self.maps[index], height, width)


def index_boxes(folder: Path, parts: Sequence[str], names: tuple[str, ...]) -> VocScenes:
    """The images and objects of these parts below the development kit's folder; names: of the object classes.

    Raises DataError naming the file that is missing or wrong.
    """
    images = [
        image
        for year, _, name in (part.rpartition("/") for part in parts)
        for image in _images(folder / year, read_list(folder / year / "ImageSets" / "Main" / f"{name}.txt"))
    ]
    numbers = {name: number for number, name in enumerate(names, 1)}
    with ThreadPoolExecutor(_THREADS) as pool:
        read = list(pool.map(lambda image: _annotated(image, numbers), images))
    return VocScenes(images, [], tabled([objects for objects, _ in read], [size for _, size in read]), names)


def index_maps(folder: Path, parts: Sequence[str], names: tuple[str, ...]) -> VocScenes:
    """The images and class maps of these parts; names: with the background. Raises DataError."""
    images: list[Path] = []
    maps: list[Path] = []
    for year, _, name in (part.rpartition("/") for part in parts):
        stems = _segmented(folder / year, name)
        images += _images(folder / year, stems)
        maps += _maps(folder / year, stems)
    return VocScenes(images, maps, tabled([nothing()] * len(images), [(0, 0)] * len(images)), names)


# ------------------------------------------------------------------------------------------------------ lists and files


def read_list(path: Path) -> list[str]:
    """The images' names in a list, one each line; raises DataError. Words after it, such as a flag, do not count.

    A line may also be the path of an image, as lists of train_aug have it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    firsts = [words[0] for line in lines if (words := line.split())]
    stems = [Path(name).stem if name.lower().endswith(IMAGE_SUFFIXES) else name for name in firsts]
    if not stems:
        raise DataError(f"{path} names no images")
    name, times = Counter(stems).most_common(1)[0]
    if times > 1:
        raise DataError(f"{path} names {name} {times} times")
    return stems


def _segmented(year: Path, name: str) -> list[str]:
    """The images' names in a list of the segmentations; see the module for train_aug."""
    lists = year / "ImageSets" / "Segmentation"
    if name != TRAIN_AUG or (lists / f"{TRAIN_AUG}.txt").is_file():
        return read_list(lists / f"{name}.txt")
    if (lists / "trainaug.txt").is_file():
        return read_list(lists / "trainaug.txt")
    sbd = year.parent / _SBD
    if not sbd.is_dir():
        raise DataError(
            f"{TRAIN_AUG} needs SBD: neither {lists / TRAIN_AUG}.txt nor {sbd} is there; "
            "`attnctl data fetch voc12-seg` downloads it"
        )
    added = {*read_list(sbd / "train.txt"), *read_list(sbd / "val.txt")}
    return sorted((added | {*read_list(lists / "train.txt")}) - {*read_list(lists / "val.txt")})


def _images(year: Path, stems: Sequence[str]) -> list[Path]:
    """The files of these images, whose format the suffix tells; raises DataError naming those that are not there."""
    folder = year / "JPEGImages"
    found = {Path(name).stem: name for name in _names(folder) if name.lower().endswith(IMAGE_SUFFIXES)}
    _refuse_missing([stem for stem in stems if stem not in found], f"{folder} lacks", "image")
    return [folder / found[stem] for stem in stems]


def _maps(year: Path, stems: Sequence[str]) -> list[Path]:
    """The class map of each; raises DataError naming those that are not there."""
    places = (
        (year / "SegmentationClass", "png"),
        (year / "SegmentationClassAug", "png"),
        (year.parent / _SBD / "cls", "mat"),
    )
    held = [(folder, suffix, _names(folder)) for folder, suffix in places if folder.is_dir()]
    found = {
        stem: folder / f"{stem}.{suffix}"
        for folder, suffix, names in reversed(held)
        for stem in stems
        if f"{stem}.{suffix}" in names
    }
    _refuse_missing([stem for stem in stems if stem not in found], f"{year} lacks the class maps of", "image")
    return [found[stem] for stem in stems]


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error}") from error


def _refuse_missing(missing: Sequence[str], lacks: str, what: str) -> None:
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise DataError(f"{lacks} {quantity(len(missing), what)}: {comma_join(missing[:_NAMED])}{more}")


# ----------------------------------------------------------------------------------------------------------- XML files


def _annotated(image: Path, numbers: Mapping[str, int]) -> tuple[Objects, Size]:
    """The objects of an image and its size: as annotated, else the file's where there are objects."""
    objects, size = read_objects(_xml(image), numbers)
    return objects, read_stored(image).size if len(objects.labels) and min(size) <= 0 else size


def _xml(image: Path) -> Path:
    return image.parent.parent / "Annotations" / f"{image.stem}.xml"


def read_objects(path: Path, numbers: Mapping[str, int]) -> tuple[Objects, tuple[int, int]]:
    """The objects of an annotation, and (height, width) of its image, 0 where it does not say.

    numbers: class -> label. Raises DataError naming the file, and what is wrong with it.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes())  # noqa: S314 expat bounds how far entities expand
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except ElementTree.ParseError as error:
        raise DataError(f"{path} is not XML: {error}") from error
    try:
        rows = [_object(element, numbers) for element in root.iterfind("object")]
        size = int(root.findtext("size/height") or 0), int(root.findtext("size/width") or 0)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    boxes = np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4)
    none = np.zeros(len(rows), np.bool_)
    return Objects(
        boxes,
        np.array([label for _, label, _ in rows], np.int64),
        (boxes[:, 2:] - boxes[:, :2]).prod(1),
        none,
        np.array([difficult for _, _, difficult in rows], np.bool_),
        ~none,
    ), size


def _object(element: ElementTree.Element, numbers: Mapping[str, int]) -> tuple[list[float], int, bool]:
    """(corners, label, difficult). Its own `bndbox`, not those of its parts, such as a head; raises ValueError."""
    name = (element.findtext("name") or "").strip()
    if name not in numbers:
        raise ValueError(f"unknown class {name!r}{did_you_mean(name, list(numbers))}")
    box = element.find("bndbox")
    if box is None:
        raise ValueError(f"a {name} without bndbox")
    corners = [float(box.findtext(corner) or "nan") for corner in ("xmin", "ymin", "xmax", "ymax")]
    if not np.isfinite(corners).all():
        raise ValueError(f"a {name} whose bndbox lacks a number: {corners}")
    return [corners[0] - 1, corners[1] - 1, *corners[2:]], numbers[name], int(element.findtext("difficult") or 0) > 0
