"""Data sets that users' code makes, as `ImageFiles`: each item is checked, and becomes the bytes of an image.

The code returns a map-style data set of (image, label) items, or two of them as a pair or dict; or the descriptor of a
data set of arrays (`attnctl.datasets.Dataset` with layout `loaded`), whose function is in the same file.
"""

from __future__ import annotations

import hashlib
import inspect
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Subset

from attnctl import sources
from attnctl.datasets import Dataset, folder_scan
from attnctl.datasets.image_statistics import sampled
from attnctl.datasets.own_code import FOLDER
from attnctl.jobs.data.errors import DataError, MissingDataError, reading_error
from attnctl.jobs.data.split import stratified
from attnctl.recipes.own_parts import seeded
from attnctl.sources import blame, plugins
from attnctl.units import plural, quantity
from attnctl.values import comma_join

WHOLE = 2000
"""Up to so many items the content is a digest of all of them; of more, of `SAMPLED` items of each part."""

SAMPLED = 256
PARTS = ("training", "test")
_KEYS = {folder_scan.TRAIN: 0, **dict.fromkeys(folder_scan.TEST_PARTS, 1)}
_LABELS = ("targets", "labels")
"""The attributes of a data set that can be the list of its labels, as torchvision's data sets have it."""

Labels = npt.NDArray[np.int64]
Made = tuple[Any, ...]
"""One map-style data set, or the training and the test part."""


@dataclass(frozen=True)
class CodedItems:
    """The items of one part. data: maps a number to (image, label). chosen: the numbers of the items that count."""

    data: Any
    where: str
    labels: Labels
    class_names: tuple[str, ...]
    chosen: Sequence[int]
    left_out: tuple[str, ...] = ()

    def name(self, number: int) -> str:
        """The item, for messages."""
        return f"{self.where}: item {self.chosen[number]}"

    def read(self, number: int) -> bytes:
        """The image as an uncompressed PNG file; raises DataError."""
        stream = io.BytesIO()
        self.image(number).save(stream, "PNG", compress_level=0)
        return stream.getvalue()

    def image(self, number: int) -> Image.Image:
        """The image in RGB; raises DataError if the item is wrong, or has another label than the list of labels."""
        image, label = _item(self.data, self.chosen[number], self.name(number))
        if label != self.labels[number]:
            raise DataError(
                f"{self.name(number)} has the label {label}, but the list of labels has {self.labels[number]} for it"
            )
        return _as_rgb(image, self.name(number))

    def of(self, index: Labels) -> CodedItems:
        """The items with these numbers."""
        return replace(self, labels=self.labels[index], chosen=[self.chosen[number] for number in index])


def open_code(dataset: Dataset, folder: Path | None) -> list[CodedItems]:
    """The training and the test items; raises DataError unless they are those that were measured."""
    parts = open_parts(dataset.code, dataset.code_version, folder)
    if content(parts) != dataset.content:
        raise MissingDataError(
            f"{dataset.name}: {dataset.code} gives other data than when the run was planned; restore them, or sweep "
            "again"
        )
    if not dataset.split:
        return list(parts)
    purpose = f"own test {dataset.split_seed}"
    return [parts[0].of(index) for index in stratified(parts[0].labels, dataset.test_size, purpose)]


def open_parts(code: str, version: str, folder: Path | None) -> tuple[CodedItems, ...]:
    """The training and the test items that code makes, or one part that is to be split; raises DataError."""
    data = _parts(code, *_called(code, version, folder), folder)
    names = [_class_names(part) for part in data]
    if len({name for name in names if name is not None}) > 1:
        shown = " and ".join(comma_join(name[:5]) for name in names if name is not None)
        raise DataError(f"{code}: the classes of the two parts differ: {shown}; make them the same")
    where = [f"{code}, {noun} part" if len(data) == 2 else code for noun in PARTS]
    labels = [_labels(part, place) for part, place in zip(data, where, strict=False)]
    known = next((name for name in names if name is not None), None)
    classes = known if known is not None else tuple(map(str, range(int(labels[0].max()) + 1)))
    for part, place in zip(labels, where, strict=False):
        _check_labels(part, len(classes), place)
    _check_classes(labels, classes, code)
    return tuple(
        CodedItems(part, place, of_part, classes, range(len(part)))
        for part, place, of_part in zip(data, where, labels, strict=False)
    )


def content(parts: Sequence[CodedItems]) -> str:
    """A digest of the classes, all labels and the images of all items, or of some: see `WHOLE`. Raises DataError."""
    whole = sum(len(part.labels) for part in parts) <= WHOLE
    state = hashlib.sha256("\0".join(parts[0].class_names).encode(errors="surrogatepass"))
    for part in parts:
        state.update(len(part.labels).to_bytes(8, "little") + part.labels.astype("<i8").tobytes())
        for number in sampled(len(part.labels), WHOLE if whole else SAMPLED):
            image = part.image(number)
            state.update(f"{image.size}".encode() + image.tobytes())
    return f"{'sha256' if whole else 'sample'}:{state.hexdigest()}"


# ------------------------------------------------------------------------------------------------------- what is made


def _called(code: str, version: str, folder: Path | None) -> tuple[Any, Any]:
    """What the user's class or function returns, and its module; raises DataError."""
    source = plugins.stored_source(code, version, None)
    try:
        with seeded():
            module = import_module(sources.import_name(source))
            return _call(getattr(module, code.partition(":")[2]), folder), module
    except Exception as error:  # whatever the user's code raises
        relative = isinstance(error, FileNotFoundError) and not Path(str(error.filename)).is_absolute()
        hint = f"; a function with a parameter `{FOLDER}` gets the folder of its file" if relative else ""
        raise reading_error(f"{code}: {blame.describe(error)}{hint}", error) from error


def _call(make: Callable[..., Any], folder: Path | None) -> Any:
    return make(**{FOLDER: folder}) if FOLDER in inspect.signature(make).parameters else make()


def _parts(code: str, made: Any, module: Any, folder: Path | None) -> Made:
    """The parts that a user's code returned; raises DataError if it is something else."""
    if isinstance(made, Dataset):
        return _arrays(code, made, module, folder)
    if isinstance(made, Mapping):
        return _of_mapping(code, made)
    if isinstance(made, tuple | list) and len(made) == 2 and all(map(_is_data, made)):
        return _checked(code, tuple(made))
    if _is_data(made):
        return _checked(code, (made,))
    if hasattr(made, "__iter__") and not hasattr(made, "__len__"):
        raise DataError(
            f"{code} returns a {type(made).__name__}, which can only be iterated over; it needs __len__ and __getitem__"
        )
    raise DataError(
        f"{code} returns a {type(made).__name__}; it must return a torch Dataset of (image, label) items, or a pair or "
        "dict of two of them: train and val"
    )


def _of_mapping(code: str, made: Mapping[Any, Any]) -> Made:
    keys = [key for key in made if key in _KEYS]
    test = next((key for key in folder_scan.TEST_PARTS if key in keys), None)
    if folder_scan.TRAIN not in keys or (len(made) > 1 and test is None):
        raise DataError(f"{code} returns a dict with {comma_join(map(str, made)) or 'no keys'}; it needs train and val")
    parts = (made[folder_scan.TRAIN], *([made[test]] if test is not None else []))
    if strange := next((part for part in parts if not _is_data(part)), None):
        raise DataError(f"{code} returns a dict with a {type(strange).__name__}; its values must be torch Datasets")
    return _checked(code, parts)


def _is_data(made: Any) -> bool:
    return (
        hasattr(made, "__len__")
        and hasattr(made, "__getitem__")
        and not isinstance(made, str | bytes | tuple | Mapping | Tensor | np.ndarray)
    )


def _checked(code: str, parts: Made) -> Made:
    """The parts, unless one is empty; raises DataError."""
    for part, noun in zip(parts, PARTS, strict=False):
        try:
            count = len(part)
        except Exception as error:  # whatever the user's code raises
            raise reading_error(f"{code}: {blame.describe(error)}", error) from error
        if not count:
            raise DataError(f"{code}: the {noun} part is empty" if len(parts) == 2 else f"{code} returns no items")
    return parts


class _ArrayItems(Sequence[tuple[Any, Any]]):
    """Images (n, 3, H, W) of bytes and labels (n,) as items."""

    def __init__(self, images: Any, labels: Any) -> None:
        self.images, self.targets = torch.from_numpy(np.asarray(images)), np.asarray(labels)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: Any) -> tuple[Any, Any]:
        return self.images[number], self.targets[number]


def _arrays(code: str, made: Dataset, module: Any, folder: Path | None) -> Made:
    """The parts that the function of a descriptor loads; raises DataError."""
    load = getattr(module, made.load.rpartition(":")[2], None)
    if made.layout != "loaded" or not callable(load):
        raise DataError(
            f"{code} returns a Dataset of layout {made.layout} with load={made.load!r}; only layout 'loaded' is read, "
            "with a function of the same file"
        )
    try:
        with seeded():
            parts = tuple(_ArrayItems(images, labels) for images, labels in load(folder))
    except Exception as error:  # whatever the user's code raises
        raise reading_error(f"{code}: {blame.describe(error)}", error) from error
    if len(parts) != 2:
        raise DataError(f"{code}: {made.load} gives {quantity(len(parts), 'part')}; it must give two: train and test")
    for part in parts:
        part.classes = made.names or range(made.classes)  # type: ignore[attr-defined]
    return _checked(code, parts)


# ------------------------------------------------------------------------------------------------- classes and labels


def _attribute(data: Any, name: str) -> tuple[Any, Sequence[int] | None]:
    """An attribute of a data set, or of the one that it is a subset of, and the numbers of the items in that."""
    if isinstance(data, Subset) and not hasattr(data, name):
        found, index = _attribute(data.dataset, name)
        return found, data.indices if index is None else [index[number] for number in data.indices]
    return getattr(data, name, None), None


def _class_names(data: Any) -> tuple[str, ...] | None:
    """The names in the attribute `classes`, as torchvision's data sets have it; None without."""
    names, _ = _attribute(data, "classes")
    if names is None or isinstance(names, str) or not hasattr(names, "__len__"):
        return None
    listed = list(names)
    plain = all(isinstance(name, str) and name.isprintable() for name in listed) and len(set(listed)) == len(listed)
    return tuple(listed) if plain else tuple(map(str, range(len(listed))))


def _labels(data: Any, where: str) -> Labels:
    """The label of each item: from a list of the data set's, else by reading each item; raises DataError."""
    for name in _LABELS:
        values, index = _attribute(data, name)
        if values is None or callable(values):
            continue
        try:
            listed = np.asarray(values)
            chosen = listed if index is None else listed[list(index)]
        except (IndexError, TypeError, ValueError):
            continue
        if chosen.shape == (len(data),) and chosen.dtype.kind in "iu":
            return chosen.astype(np.int64)
    return np.array([_item(data, number, f"{where}: item {number}")[1] for number in range(len(data))], dtype=np.int64)


def _check_labels(labels: Labels, classes: int, where: str) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise DataError(f"{where}: item {wrong[0]} has the label {labels[wrong[0]]}; labels are 0 to {classes - 1}")


def _check_classes(labels: Sequence[Labels], classes: Sequence[str], code: str) -> None:
    """Raise DataError if a class has no training items."""
    absent = np.setdiff1d(np.arange(len(classes)), labels[0])
    if len(absent):
        elsewhere = " but test items" if len(labels) > 1 and absent[0] in labels[1] else ""
        shown = f"{classes[absent[0]]} (label {absent[0]})" if classes[absent[0]] != str(absent[0]) else f"{absent[0]}"
        more = f"; {len(absent) - 1} more {plural(len(absent) - 1, 'has', 'have')} none" if len(absent) > 1 else ""
        raise DataError(f"{code}: class {shown} has no training items{elsewhere}{more}; labels count from 0")


# -------------------------------------------------------------------------------------------------------------- items


def _item(data: Any, number: int, where: str) -> tuple[Any, int]:
    """An item; raises DataError. Random numbers in the user's code depend on the item alone."""
    try:
        with seeded(number):
            item = data[number]
    except Exception as error:  # whatever the user's code raises
        raise reading_error(f"{where}: {blame.describe(error)}", error) from error
    if not isinstance(item, tuple | list) or len(item) != 2:
        given = f"{quantity(len(item), 'value')}" if isinstance(item, tuple | list) else f"a {type(item).__name__}"
        raise DataError(f"{where} is {given}; it must be a pair (image, label)")
    image, label = item
    value = (
        label.item() if isinstance(label, np.generic) or (isinstance(label, Tensor) and label.numel() == 1) else label
    )
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 63) <= value < 1 << 63:
        raise DataError(f"{where} has the label {label!r:.40}; it must be a whole number, the class")
    return image, value


def _as_rgb(value: Any, where: str) -> Image.Image:
    """An image of a user's item in RGB; raises DataError."""
    from attnctl.jobs.data.images import as_rgb

    if isinstance(value, Image.Image):
        return value if value.mode == "RGB" else as_rgb(value, where)
    if isinstance(value, Tensor):
        pixels = value.detach().cpu().numpy()
        pixels = pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels
    elif isinstance(value, np.ndarray):
        pixels = value
    else:
        raise DataError(f"{where} has a {type(value).__name__} as its image; it must be a PIL image, tensor or array")
    if not pixels.size or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3)):
        form = "(3, height, width)" if isinstance(value, Tensor) else "(height, width, 3)"
        raise DataError(f"{where} has an image of shape {tuple(value.shape)}; it must be {form}, or with 1 channel")
    pixels = _bytes(pixels, where)
    plain = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    return Image.fromarray(np.ascontiguousarray(plain)).convert("RGB")


def _bytes(pixels: npt.NDArray[Any], where: str) -> npt.NDArray[np.uint8]:
    """Pixels of 8 bits; floats are from 0 to 1. Raises DataError."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind != "f":
        raise DataError(f"{where} has pixels of type {pixels.dtype}; they must be uint8, or floats from 0 to 1")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"{where} has pixels from {low:g} to {high:g}; they must be uint8, or floats from 0 to 1 (attnctl "
            "normalises)"
        )
    rounded: npt.NDArray[np.uint8] = (pixels * 255).round().astype(np.uint8)
    return rounded
