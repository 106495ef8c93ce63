"""Reads PASCAL VOC as published: lists in ImageSets, an XML file of boxes per image, class maps as palette PNGs.

A part such as `VOC2007/trainval` is the folder of a year, and a list in its ImageSets/Main or, for class maps, in
ImageSets/Segmentation; without folders of years it is `trainval`. VOC counts pixels from 1, and a box includes its last
pixel, so (xmin, ymin, xmax, ymax) becomes (xmin - 1, ymin - 1, xmax, ymax).

`VOC2012/annotated` are all images with an annotation, also those of the tasks that are not detection.

`VOC2012/train_aug` is VOC's training list extended by the Semantic Boundaries data set (SBD), without VOC's validation
list. It is read from ImageSets/Segmentation/train_aug.txt or trainaug.txt, or else combined from SBD's own lists in
benchmark_RELEASE next to the folder of the year. Its class maps are VOC's own where they exist, else those in
SegmentationClassAug (palette PNGs) or SBD's .mat files.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from attnctl.datasets import VOC_ANNOTATED, voc_lists, xml_files
from attnctl.datasets.class_folders import is_image
from attnctl.files import read_regular
from attnctl.jobs.data.errors import DataError, FaultyFilesError, MissingDataError, reading_error
from attnctl.jobs.data.images import decode
from attnctl.jobs.data.maps import read_map
from attnctl.jobs.data.scenes import Bytes, Objects, ObjectTable, make_table, no_objects
from attnctl.jobs.data.sizes import Size, StoredSize, as_annotated, read_stored
from attnctl.units import quantity
from attnctl.values import did_you_mean, first_of

TRAIN_AUG = "train_aug"

_SBD = Path("benchmark_RELEASE", "dataset")
_THREADS = 16  # reading small files mostly waits for the file server
_LARGEST = 1e9  # pixels of a side; a number beyond it is no size
_MAX_NAMES = 3  # an error about many missing files names this many


@dataclass(frozen=True)
class VocScenes:
    """The `attnctl.jobs.data.scenes.Scenes` of VOC's files. images: paths; maps: paths of the class maps, if needed."""

    images: list[Path]
    maps: list[Path]
    table: ObjectTable
    names: tuple[str, ...]

    @property
    def categories(self) -> tuple[int, ...]:
        """1, 2, ...: VOC's classes have no ids of their own."""
        return tuple(range(1, len(self.names) + 1))

    def __len__(self) -> int:
        return len(self.images)

    def number(self, index: int) -> int:
        """The position of the image in the lists."""
        return index

    def name(self, index: int) -> str:
        """The path of the image."""
        return str(self.images[index])

    def stored(self, index: int) -> StoredSize:
        """The size and orientation in the image file; raises DataError."""
        return read_stored(self.images[index])

    def image(self, index: int) -> Image.Image:
        """The image as RGB in its annotated size; raises DataError, and ImageSizeError if its size is different."""
        name = self.name(index)
        return as_annotated(decode(lambda: read_regular(self.images[index]), name), name, self.table.size(index))

    def masks(self, index: int, height: int, width: int) -> Bytes:
        """From SegmentationObject, where value k marks the pixels of object k in the XML file; raises DataError."""
        image = self.images[index]
        owners = read_map(image.parent.parent / "SegmentationObject" / f"{image.stem}.png", height, width)
        count = int(self.table.first[index + 1] - self.table.first[index])
        masks: Bytes = (owners == np.arange(1, count + 1)[:, None, None]).astype(np.uint8)
        return masks

    def classes(self, index: int, height: int, width: int) -> Bytes:
        """The class map; raises DataError."""
        return read_map(self.maps[index], height, width)


def index_boxes(folder: Path, parts: Sequence[str], names: tuple[str, ...]) -> VocScenes:
    """Index the images and objects of these parts below the development kit's folder. names: of the object classes.

    Raises DataError naming the file that is missing or wrong.
    """
    images = [
        image
        for year, _, name in (part.rpartition("/") for part in parts)
        for image in _images(folder / year, _boxes_list(folder / year, name))
    ]
    numbers = {name: number for number, name in enumerate(names, 1)}
    with ThreadPoolExecutor(_THREADS) as pool:
        annotations = _without_faults(list(pool.map(lambda image: _try_annotation(image, numbers), images)))
    table = make_table([objects for objects, _ in annotations], [size for _, size in annotations])
    return VocScenes(images, [], table, names)


def index_maps(folder: Path, parts: Sequence[str], names: tuple[str, ...]) -> VocScenes:
    """Index the images and class maps of these parts. names: including the background. Raises DataError."""
    images: list[Path] = []
    maps: list[Path] = []
    for year, _, name in (part.rpartition("/") for part in parts):
        stems = _segmentation_list(folder / year, name)
        images += _images(folder / year, stems)
        maps += _maps(folder / year, stems)
    return VocScenes(images, maps, make_table([no_objects()] * len(images), [(0, 0)] * len(images)), names)


# ------------------------------------------------------------------------------------------------------ lists and files


def read_list(path: Path, known: Collection[str] = ()) -> list[str]:
    """The names of the images in a list; known: as for `voc_lists.parse`. Raises DataError."""
    try:
        return voc_lists.parse(read_regular(path), known)
    except OSError as error:
        raise reading_error(f"{path} cannot be read: {error.strerror}", error) from error
    except ValueError as error:
        raise DataError(f"{path} {error}") from error


def _boxes_list(year: Path, name: str) -> list[str]:
    """The names of the images in a detection list; see the module's docstring for annotated."""
    if name != VOC_ANNOTATED:
        return read_list(year / "ImageSets" / "Main" / f"{name}.txt", _known(year))
    stems = sorted(file.removesuffix(".xml") for file in _names(year / "Annotations") if file.endswith(".xml"))
    if not stems:
        raise DataError(f"{year / 'Annotations'} has no annotations")
    return stems


def _segmentation_list(year: Path, name: str) -> list[str]:
    """The names of the images in a segmentation list; see the module's docstring for train_aug."""
    known = _known(year)
    lists = year / "ImageSets" / "Segmentation"
    if name != TRAIN_AUG or (lists / f"{TRAIN_AUG}.txt").is_file():
        return read_list(lists / f"{name}.txt", known)
    if (lists / "trainaug.txt").is_file():
        return read_list(lists / "trainaug.txt", known)
    sbd = year.parent / _SBD
    if not sbd.is_dir():
        raise MissingDataError(
            f"{TRAIN_AUG} needs SBD, but there is neither {lists / TRAIN_AUG}.txt nor {sbd}; "
            "run `attnctl data fetch voc12-seg`"
        )
    added = {*read_list(sbd / "train.txt"), *read_list(sbd / "val.txt")}
    return sorted((added | {*read_list(lists / "train.txt")}) - {*read_list(lists / "val.txt")})


def _known(year: Path) -> set[str]:
    """The names of the images without their suffixes."""
    return {Path(name).stem for name in _names(year / "JPEGImages") if is_image(name)}


def _images(year: Path, stems: Sequence[str]) -> list[Path]:
    """The paths of these images, whatever their file format; raises MissingDataError naming missing ones."""
    folder = year / "JPEGImages"
    files: dict[str, str] = {}
    wanted = set(stems)
    for name in sorted(name for name in _names(folder) if is_image(name)):
        other = files.setdefault(Path(name).stem, name)
        if other != name and Path(name).stem in wanted:
            raise DataError(f"{folder} has both {other} and {name}; the list names only {Path(name).stem}: delete one")
    _check_missing([stem for stem in stems if stem not in files], f"{folder} lacks")
    return [folder / files[stem] for stem in stems]


def _maps(year: Path, stems: Sequence[str]) -> list[Path]:
    """The paths of the class maps; raises MissingDataError naming missing ones."""
    folders = (
        (year / "SegmentationClass", "png"),
        (year / "SegmentationClassAug", "png"),
        (year.parent / _SBD / "cls", "mat"),
    )
    present = [(folder, suffix, _names(folder)) for folder, suffix in folders if folder.is_dir()]
    paths = {
        stem: folder / f"{stem}.{suffix}"
        for folder, suffix, names in reversed(present)
        for stem in stems
        if f"{stem}.{suffix}" in names
    }
    _check_missing([stem for stem in stems if stem not in paths], f"{year} lacks the class maps of")
    return [paths[stem] for stem in stems]


def _names(folder: Path) -> set[str]:
    """The files and folders in a folder that are not hidden: macOS leaves `._1.jpg` beside `1.jpg`."""
    try:
        return {entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")}
    except OSError as error:
        raise reading_error(f"{folder} cannot be read: {error.strerror}", error) from error


def _check_missing(missing: Sequence[str], lacks: str) -> None:
    if missing:
        raise MissingDataError(f"{lacks} {quantity(len(missing), 'image')}: {first_of(missing, _MAX_NAMES)}")


# ----------------------------------------------------------------------------------------------------------- XML files


def _try_annotation(image: Path, numbers: Mapping[str, int]) -> tuple[Objects, Size] | DataError:
    try:
        return _read_annotation(image, numbers)
    except DataError as error:
        return error


def _without_faults(annotations: Sequence[tuple[Objects, Size] | DataError]) -> list[tuple[Objects, Size]]:
    """The annotations, all of which could be read; raises FaultyFilesError."""
    faults = [item for item in annotations if isinstance(item, DataError)]
    missing = [fault for fault in faults if isinstance(fault, MissingDataError)]
    if len(faults) == 1 or missing:  # what is missing decides how the run ends
        raise (missing or faults)[0]
    if faults:
        raise FaultyFilesError([str(fault) for fault in faults])
    return [item for item in annotations if not isinstance(item, DataError)]


def _read_annotation(image: Path, numbers: Mapping[str, int]) -> tuple[Objects, Size]:
    """The objects of an image, and its annotated size; if that is missing, the file's size if there are objects."""
    objects, size = read_objects(_xml(image), numbers)
    return objects, read_stored(image).size if len(objects.labels) and min(size) <= 0 else size


def _xml(image: Path) -> Path:
    return image.parent.parent / "Annotations" / f"{image.stem}.xml"


def read_objects(path: Path, numbers: Mapping[str, int]) -> tuple[Objects, tuple[int, int]]:
    """The objects of an annotation, and (height, width) of its image, 0 if missing.

    numbers: class -> label. Raises DataError naming the file and the fault.
    """
    try:
        root = xml_files.parse(read_regular(path))
    except OSError as error:
        raise reading_error(f"{path} cannot be read: {error.strerror}", error) from error
    except ValueError as error:
        raise DataError(f"{path} {error}") from error
    try:
        rows = [_object(element, numbers) for element in root.iterfind("object")]
        size = _whole(root, "size/height"), _whole(root, "size/width")
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
    """(corners, label, difficult), from the object's own `bndbox`, not from those of its parts; raises ValueError."""
    name = (element.findtext("name") or "").strip()
    if name not in numbers:
        raise ValueError(f"unknown class {name!r}{did_you_mean(name, list(numbers))}")
    box = element.find("bndbox")
    if box is None:
        raise ValueError(f"a {name} without a bndbox")
    corners = [_number(box, corner, name) for corner in ("xmin", "ymin", "xmax", "ymax")]
    return [corners[0] - 1, corners[1] - 1, *corners[2:]], numbers[name], _is_difficult(element)


def _number(box: ElementTree.Element, corner: str, name: str) -> float:
    """A corner of a box; raises ValueError."""
    text = (box.findtext(corner) or "").strip()
    value = _parse_number(text)
    if value is None:
        raise ValueError(f"a {name} with an invalid bndbox: {corner} is {text!r} instead of a number")
    return value


def _whole(root: ElementTree.Element, field: str) -> int:
    """A number of pixels, also written as 40.0; 0 if missing. Raises ValueError."""
    text = (root.findtext(field) or "").strip()
    value = _parse_number(text or "0")
    if value is None or value != int(value) or abs(value) > _LARGEST:
        raise ValueError(f"{field} is {text!r} instead of a whole number")
    return int(value)


def _is_difficult(element: ElementTree.Element) -> bool:
    """Whether an object is marked as difficult; tools write Unspecified, as for its pose. Raises ValueError."""
    text = (element.findtext("difficult") or "").strip()
    value = {"": 0.0, "unspecified": 0.0, "false": 0.0, "true": 1.0}.get(text.lower(), _parse_number(text))
    if value is None:
        raise ValueError(f"difficult is {text!r} instead of 0 or 1")
    return value > 0


def _parse_number(text: str) -> float | None:
    """A finite number of ordinary notation, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
