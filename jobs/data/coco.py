"""Reads COCO's files: the instances JSON with boxes, polygons and run-length codes, images, and stuff class maps.

A part such as `train2017` is the folder of the images; the annotations are in annotations/instances_train2017.json, and
class maps, where needed, in stuffthingmaps/train2017/<image>.png. Category ids may have gaps: label k is the k-th id.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from attnctl.datasets.object_scan import coco_image
from attnctl.files import read_regular
from attnctl.jobs.data.coco_rows import MALFORMED, check_box, find_faults, whole
from attnctl.jobs.data.errors import DataError, FaultyFilesError, MissingDataError, reading_error
from attnctl.jobs.data.images import decode
from attnctl.jobs.data.maps import read_map
from attnctl.jobs.data.outlines import Outlines
from attnctl.jobs.data.scenes import Bytes, Flags, Integers, Objects, ObjectTable
from attnctl.jobs.data.sizes import StoredSize, as_annotated, read_stored
from attnctl.units import quantity
from attnctl.values import comma_join, first_of
from attnctl.workspace import untrusted_json

_THREADS = 16  # reading headers mostly waits for the file server
_MAX_NAMES = 3  # an error about many missing images names this many


@dataclass(frozen=True)
class CocoScenes:
    """The `attnctl.jobs.data.scenes.Scenes` of COCO's files. Names are kept in arrays of bytes, as in `files.py`."""

    folder: Path
    maps: Path
    files: npt.NDArray[np.bytes_]
    numbers: Integers
    table: ObjectTable
    outlines: Outlines | None
    """None if masks are not needed."""
    names: tuple[str, ...]
    categories: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.files)

    def number(self, index: int) -> int:
        """The image's id in the annotations."""
        return int(self.numbers[index])

    def _file(self, index: int) -> Path:
        return self.folder / os.fsdecode(bytes(self.files[index]))

    def name(self, index: int) -> str:
        """The path of the image."""
        return str(self._file(index))

    def stored(self, index: int) -> StoredSize:
        """The size and orientation in the image file; raises DataError."""
        return read_stored(self._file(index))

    def image(self, index: int) -> Image.Image:
        """The image as RGB in its annotated size; raises DataError, and ImageSizeError if its size is different."""
        name = self.name(index)
        return as_annotated(decode(lambda: read_regular(self._file(index)), name), name, self.table.size(index))

    def masks(self, index: int, height: int, width: int) -> Bytes:
        """The filled outlines, as pycocotools fills them; raises DataError."""
        assert self.outlines is not None, "opened without masks"
        rows = range(int(self.table.first[index]), int(self.table.first[index + 1]))
        try:
            return self.outlines.fill(rows, height, width)
        except ValueError as error:
            raise DataError(f"the masks of {self.name(index)}: {error}") from error

    def check_maps(self, images: Iterable[int]) -> None:
        """Raise MissingDataError if some of these images have no class map."""
        present = {entry.name for entry in os.scandir(self.maps)} if self.maps.is_dir() else set()
        stems = [self._file(index).stem for index in images]
        missing = [stem for stem in stems if f"{stem}.png" not in present]
        if missing:
            more = " ..." if len(missing) > _MAX_NAMES else ""
            raise MissingDataError(
                f"{self.maps} lacks the class maps of {quantity(len(missing), 'image')}: "
                f"{comma_join(missing[:_MAX_NAMES])}{more}; run `attnctl data fetch coco --maps`"
            )

    def classes(self, index: int, height: int, width: int) -> Bytes:
        """The class map of stuff and things; raises DataError."""
        return read_map(self.maps / f"{self._file(index).stem}.png", height, width)


def index(folder: Path, part: str, classes: int | None, *, masks: bool) -> CocoScenes:
    """Index the images of a part and their objects; raises DataError naming what is missing or wrong.

    classes: the expected number of categories, if known. masks: read the outlines too.
    """
    path = folder / "annotations" / f"instances_{part}.json"
    try:
        document = untrusted_json.loads(read_regular(path))
    except OSError as error:
        raise reading_error(f"{path} cannot be read: {error.strerror}", error) from error
    except ValueError as error:  # not UTF-8, or not JSON
        raise DataError(f"{path} is not JSON: {error}") from error
    try:
        return _indexed(document, folder, part, classes, masks=masks)
    except MissingDataError as error:
        raise MissingDataError(f"{path}: {error}") from error
    except (DataError, *MALFORMED) as error:
        faults = find_faults(document)
        if isinstance(error, DataError) and str(error) not in faults:
            faults.insert(0, str(error))
        if len(faults) > 1:
            raise FaultyFilesError([f"{path}: {fault}" for fault in faults], "entry", "entries") from error
        if isinstance(error, DataError):
            raise DataError(f"{path}: {error}") from error
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{path} is not a COCO instances file: {reason}") from error


def _indexed(document: Mapping[str, Any], folder: Path, part: str, classes: int | None, *, masks: bool) -> CocoScenes:
    categories = sorted(document["categories"], key=lambda row: whole(row, "id", "category"))
    ids = [whole(row, "id", "category") for row in categories]
    if len(set(ids)) < len(ids):
        raise DataError("two of its categories have the same id")
    if classes is not None and len(set(ids)) != classes:
        raise DataError(f"it has {quantity(len(set(ids)), 'category', 'categories')} instead of {classes}")
    images = sorted(document["images"], key=lambda row: whole(row, "id", "image"))
    numbers = np.array([whole(row, "id", "image") for row in images], np.int64)
    if len(images) == 0 or len(np.unique(numbers)) < len(numbers):
        raise DataError("it has no images" if len(images) == 0 else "two of its images have the same id")
    annotations = document["annotations"]
    owners = _indices(annotations, "image_id", numbers, "image")
    order = np.argsort(owners, kind="stable")
    annotations = [annotations[index] for index in order]
    files = [coco_image(folder / part, str(row["file_name"])) for row in images]
    _check_files(folder / part, files)
    first = np.searchsorted(owners[order], np.arange(len(images) + 1))
    sizes = np.array([[whole(row, side, "image", 0) for side in ("height", "width")] for row in images], np.int64)
    _fill_sizes(sizes, np.diff(first) > 0, [folder / part / name for name in files])
    outlines = Outlines([row.get("segmentation") for row in annotations]) if masks else None
    return CocoScenes(
        folder=folder / part,
        maps=folder / "stuffthingmaps" / part,
        files=np.array([os.fsencode(name) for name in files]),
        numbers=numbers,
        table=ObjectTable(first, _objects(annotations, np.array(ids), outlines), sizes),
        outlines=outlines,
        names=tuple(str(row["name"]) for row in categories),
        categories=tuple(ids),
    )


def _objects(annotations: Sequence[Mapping[str, Any]], ids: Integers, outlines: Outlines | None) -> Objects:
    """The annotations as arrays. In the file, a box is x, y, width and height."""
    labels = _indices(annotations, "category_id", ids, "category") + 1
    for row in annotations:
        check_box(row)
    boxes = np.array([row["bbox"] for row in annotations], np.float64).reshape(-1, 4)
    finite = np.isfinite(boxes).all(1)
    if not finite.all():
        wrong = annotations[int(np.argmin(finite))]
        raise DataError(f"annotation {wrong.get('id')} has bbox {wrong['bbox']}, which is not finite")
    areas = [row["area"] if "area" in row else box[2] * box[3] for row, box in zip(annotations, boxes, strict=True)]
    boxes[:, 2:] += boxes[:, :2]
    crowd = np.array([whole(row, "iscrowd", "annotation", 0) != 0 for row in annotations], np.bool_)
    all_true = np.ones(len(annotations), np.bool_)
    return Objects(
        boxes=boxes.astype(np.float32),
        labels=labels,
        area=np.array(areas, np.float32),
        crowd=crowd,
        difficult=~all_true,
        outlined=all_true if outlines is None else outlines.present,
    )


def _indices(annotations: Sequence[Mapping[str, Any]], key: str, ids: Integers, noun: str) -> Integers:
    """The indices of the annotations' ids in `ids`, which is sorted; raises DataError naming one that is missing."""
    wanted = np.array([whole(row, key, "annotation") for row in annotations], np.int64)
    indices = np.searchsorted(ids, wanted).clip(max=len(ids) - 1)
    unknown = np.flatnonzero(ids[indices] != wanted)
    if len(unknown):
        row = annotations[int(unknown[0])]
        raise DataError(f"annotation {row.get('id')} refers to {noun} {row[key]}, which is not in the file")
    return indices


def _fill_sizes(sizes: Integers, used: Flags, files: Sequence[Path]) -> None:
    """For images with objects but without an annotated size, read the size from the file."""
    unknown = np.flatnonzero(used & (sizes.min(1) <= 0))
    with ThreadPoolExecutor(_THREADS) as pool:
        for index, stored in zip(unknown, pool.map(lambda k: read_stored(files[k]), unknown), strict=True):
            sizes[index] = stored.size


def _check_files(folder: Path, files: Sequence[str]) -> None:
    try:
        present = {entry.name for entry in os.scandir(folder)}
    except OSError as error:
        raise reading_error(f"{folder} cannot be read: {error.strerror}", error) from error
    missing = [name for name in files if name not in present and not (folder / name).is_file()]
    if missing:
        lacks = f"lacks {len(missing)} of its {quantity(len(files), 'image')}"
        raise MissingDataError(f"{folder} {lacks}: {first_of(missing, _MAX_NAMES)}")
