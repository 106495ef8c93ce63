"""Lists the images and classes of a user's folder with objects, in COCO's or VOC's layout.

COCO: annotations/instances_<part>.json beside the folder <part> of the images. VOC: Annotations, JPEGImages, and lists
in ImageSets/Main. The training part's name begins with `train`, that of the evaluated one with `val` or `test`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from attnctl.datasets import voc_lists, xml_files
from attnctl.datasets.class_folders import difference, is_image
from attnctl.datasets.fingerprint import DataFile, data_file
from attnctl.files import read_regular
from attnctl.spec import Task
from attnctl.units import plural, quantity
from attnctl.values import SpecError, comma_join
from attnctl.workspace import untrusted_json

_THREADS = 16
_PREFIX, _SUFFIX = "instances_", ".json"
_TESTS = ("val", "test")

VOC_FOLDERS = ("Annotations", "ImageSets", "JPEGImages")
"""The folders of VOC's layout."""


@dataclass(frozen=True)
class ObjectFolder:
    """Images with objects. names: of the classes, in the order of their labels. train: the paths of its images.

    files: all that a training reads, in the order of their names. counts: images in the training and the other part.
    notes: what may be wrong.
    """

    root: Path
    layout: Literal["coco", "voc"]
    parts: tuple[str, str]
    tasks: tuple[Task, ...]
    names: tuple[str, ...]
    counts: tuple[int, int]
    train: Sequence[Path]
    files: Sequence[DataFile]
    notes: tuple[str, ...] = ()

    def trained(self) -> tuple[list[DataFile], list[DataFile]]:
        """The images that are trained on and those that are evaluated."""
        images = [item for item in self.files if is_image(item.path.name)]
        train = set(self.train)
        return [item for item in images if item.path in train], [item for item in images if item.path not in train]


def coco_image(folder: Path, name: str) -> str:
    """The path of an image below the folder of its part, from the `file_name` in an instances file.

    Some tools write it from the data set's folder, as `train/a.jpg`, or with the separators of Windows.
    """
    if not {"/", "\\"} & set(name) or (folder / name).is_file():
        return name
    return name.replace("\\", "/").removeprefix(f"{folder.name}/")


def layout_of(root: Path) -> Literal["coco", "voc", ""]:
    """The layout of a folder; empty if it is neither COCO's nor VOC's."""
    if any(root.glob(f"annotations/{_PREFIX}*{_SUFFIX}")):
        return "coco"
    return "voc" if all((root / name).is_dir() for name in VOC_FOLDERS) else ""


def scan(root: Path) -> ObjectFolder:
    """List the images and classes; raises SpecError."""
    return _coco(root) if layout_of(root) == "coco" else _voc(root)


def evaluated_part(root: Path) -> tuple[Literal["coco", "voc"], str]:
    """The layout of a folder, and the part on which a network is evaluated; raises SpecError.

    It is the only part, or the one whose name begins with val, else with test.
    """
    layout = layout_of(root)
    if not layout:
        raise SpecError(
            f"{root} has neither annotations/{_PREFIX}<part>{_SUFFIX}, as in COCO's layout, nor "
            f"{comma_join(VOC_FOLDERS)}, as in VOC's"
        )
    names = _coco_parts(root) if layout == "coco" else _voc_parts(root)
    tests = names if len(names) == 1 else _evaluated(names)
    if len(tests) != 1:
        raise SpecError(
            f"{root} must have one evaluated part, whose name begins with val or test; it has "
            f"{comma_join(names) or 'none'}"
        )
    return layout, tests[0]


def _chosen(root: Path, names: Sequence[str], where: str) -> tuple[str, str]:
    """The names of the training part and of the evaluated one; raises SpecError unless there is one of each."""
    trains = [name for name in names if name.startswith("train") and name != "trainval"]
    tests = _evaluated(names)
    trains = trains or [name for name in names if name == "trainval"]
    if len(trains) != 1 or len(tests) != 1:
        raise SpecError(
            f"{root} must have one training part and one evaluated part: one name that begins with train, and one "
            f"with val or test; {where} has {comma_join(names) or 'none'}"
        )
    return trains[0], tests[0]


def _similar(names: Sequence[str]) -> Iterator[str]:
    """A note on each two classes that may be meant as one."""
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(name.casefold(), name)
        if other is not name:
            yield f"{other!r} and {name!r} are two classes"


def _evaluated(names: Sequence[str]) -> Sequence[str]:
    return next((found for test in _TESTS if (found := [name for name in names if name.startswith(test)])), [])


# ---------------------------------------------------------------------------------------------------------------- COCO


def _coco_parts(root: Path) -> list[str]:
    files = (root / "annotations").glob(f"{_PREFIX}*{_SUFFIX}")
    return sorted(path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX) for path in files)


def _coco(root: Path) -> ObjectFolder:
    folder = root / "annotations"
    parts = _chosen(root, _coco_parts(root), str(folder))
    documents = [_document(folder / f"{_PREFIX}{part}{_SUFFIX}") for part in parts]
    names = [_categories(document) for document in documents]
    labels = [f"{_PREFIX}{part}{_SUFFIX}" for part in parts]
    if names[0] != names[1]:
        words = difference([[name for _, name in own] for own in names], labels)
        raise SpecError(
            f"the categories of {labels[0]} and {labels[1]} in {folder} differ: {words}; make them the same"
        )
    images = [
        _images(document, root / part, folder / label)
        for document, part, label in zip(documents, parts, labels, strict=True)
    ]
    masks = all(_has_masks(document) for document in documents)
    read = [folder / label for label in labels] + [path for own in images for path in own]
    return ObjectFolder(
        root=root,
        layout="coco",
        parts=parts,
        tasks=("detect", "instance") if masks else ("detect",),
        names=tuple(name for _, name in names[0]),
        counts=(len(images[0]), len(images[1])),
        train=images[0],
        files=_files(root, read),
        notes=tuple(_similar([name for _, name in names[0]])),
    )


def _document(path: Path) -> Mapping[str, Any]:
    try:
        return untrusted_json.loads_object(read_regular(path))
    except (OSError, ValueError) as error:
        raise SpecError(f"{path} is not a COCO instances file: {getattr(error, 'strerror', None) or error}") from error


def _categories(document: Mapping[str, Any]) -> list[tuple[int, str]]:
    """(id, name) of the categories in the order of their ids."""
    try:
        rows = sorted((int(row["id"]), str(row["name"])) for row in document["categories"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SpecError(f"the categories of a COCO instances file cannot be read: {error!r:.80}") from error
    if not rows or len({key for key, _ in rows}) < len(rows):
        raise SpecError("a COCO instances file has no categories, or two of one id")
    return rows


def _images(document: Mapping[str, Any], folder: Path, path: Path) -> list[Path]:
    """The images of a part. folder: of its images; path: of the document, for messages."""
    try:
        names = [str(row["file_name"]) for row in document["images"]]
    except (KeyError, TypeError) as error:
        raise SpecError(f"the images of a COCO instances file cannot be read: {error!r:.80}") from error
    if not names:
        raise SpecError(f"{path} has no images")
    if outside := [name for name in names if not _is_inside(name)]:
        raise SpecError(f"{path} names the image {outside[0]!r:.80}, which is not below {folder}")
    return [folder / coco_image(folder, name) for name in names]


def _is_inside(name: str) -> bool:
    """Whether an image's name can be that of a file below the folder of its part."""
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return b"\0" not in encoded and not Path(name).is_absolute() and ".." not in Path(name).parts


def _has_masks(document: Mapping[str, Any]) -> bool:
    rows = document.get("annotations")
    return (
        isinstance(rows, list) and bool(rows) and all(isinstance(row, dict) and row.get("segmentation") for row in rows)
    )


# ----------------------------------------------------------------------------------------------------------------- VOC


def _voc_parts(root: Path) -> list[str]:
    lists = root / "ImageSets" / "Main"
    return sorted(path.stem for path in lists.glob("*.txt") if "_" not in path.stem and path.name[0] != ".")


def _voc(root: Path) -> ObjectFolder:
    lists = root / "ImageSets" / "Main"
    parts = _chosen(root, _voc_parts(root), str(lists))
    present = {Path(name).stem: name for name in _entries(root / "JPEGImages") if is_image(name)}
    stems = [_stems(lists / f"{part}.txt", present) for part in parts]
    missing = [stem for own in stems for stem in own if stem not in present]
    if missing:
        raise SpecError(
            f"{root / 'JPEGImages'} lacks {quantity(len(missing), 'image')} of the lists: {missing[0]!r:.80} ..."
        )
    every = [stem for own in stems for stem in own]
    annotations = [root / "Annotations" / f"{stem}.xml" for stem in every]
    with ThreadPoolExecutor(_THREADS) as pool:
        names = sorted(set().union(*pool.map(_classes, annotations)))
    if not names:
        raise SpecError(f"{root / 'Annotations'} has no objects")
    images = [root / "JPEGImages" / present[stem] for stem in every]
    lists_read = [lists / f"{part}.txt" for part in parts]
    return ObjectFolder(
        root=root,
        layout="voc",
        parts=parts,
        tasks=("detect",),
        names=tuple(names),
        counts=(len(stems[0]), len(stems[1])),
        train=images[: len(stems[0])],
        files=_files(root, [*lists_read, *annotations, *images]),
        notes=(*_similar(names), *_in_both(stems)),
    )


def _in_both(stems: Sequence[Sequence[str]]) -> Iterator[str]:
    """A note on images in both lists."""
    if both := sorted(set(stems[0]) & set(stems[1])):
        yield also_trained_on(len(both), both[0])


def also_trained_on(count: int, example: str) -> str:
    """A note on evaluated images that are also among the training images."""
    return f"{quantity(count, 'evaluated image')} {plural(count, 'is', 'are')} also trained on, such as {example}"


def _stems(path: Path, known: Collection[str]) -> list[str]:
    """The images of a list; known: as for `voc_lists.parse`."""
    try:
        return voc_lists.parse(read_regular(path), known)
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SpecError(f"{path} {error}") from error


def _classes(path: Path) -> set[str]:
    try:
        root = xml_files.parse(read_regular(path))
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SpecError(f"{path} {error}") from error
    names = {(element.findtext("name") or "").strip() for element in root.iterfind("object")}
    if "" in names:
        raise SpecError(f"{path} has an object without a name")
    return names


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        raise SpecError(f"{folder} cannot be read: {error.strerror}") from error


def _files(root: Path, paths: Sequence[Path]) -> list[DataFile]:
    with ThreadPoolExecutor(_THREADS) as pool:
        return sorted(pool.map(lambda path: data_file(root, path), dict.fromkeys(paths)))
