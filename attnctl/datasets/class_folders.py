"""The class folders of the layout `imagefolder`.

Classes are numbered in the order of their names, separately in each part. If the names in train/ and val/ differ, a
number is one class in training and another in evaluation."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from attnctl.datasets.descriptor import Dataset
from attnctl.units import quantity
from attnctl.values import SpecError, first_of

PARTS = ("train", "val")
"""The folders with the training and with the test images."""

IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
"""The endings of image files, in any case: those of torchvision's ImageFolder, and GIF."""

IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "JPEG2000")
"""The formats that are read, whatever a file is called. Of others Pillow would start a program: of PostScript, gs."""


def is_image(name: str) -> bool:
    """Whether a file is an image by its ending."""
    return name.lower().endswith(IMAGE_SUFFIXES)


_NAMED = 3  # an error names only the first of many classes


def is_hidden(name: str) -> bool:
    """Whether to ignore a file or folder: its name begins with a dot, or it is the folder that macOS adds to a zip."""
    return name.startswith(".") or name == "__MACOSX"


def class_folders(part: Path) -> list[str]:
    """The names of the class folders in `part`, in the order of their class numbers; raises SpecError."""
    try:
        return sorted(entry.name for entry in os.scandir(part) if entry.is_dir() and not is_hidden(entry.name))
    except OSError as error:
        raise SpecError(f"{part} cannot be read: {error.strerror}") from error


def mismatch(dataset: Dataset, folder: Path | None) -> str:
    """How the class folders of train/ and val/ differ, as an error message; empty when they agree.

    Tar shards and missing parts are not compared here. Raises SpecError when a part cannot be read.
    """
    if dataset.layout != "imagefolder" or dataset.is_own or folder is None:  # own folders are compared when measured
        return ""
    parts = [folder / part for part in PARTS]
    if not all(part.is_dir() and not any(part.glob("*.tar")) for part in parts):
        return ""
    return explain(dataset, folder, [class_folders(part) for part in parts], [f"{part}/" for part in PARTS])


def explain(dataset: Dataset, folder: Path | None, names: Sequence[Sequence[str]], parts: Sequence[str]) -> str:
    """How the class names of two parts differ, as an error message; empty when they agree.

    names: of both parts, by class number. parts: what the message calls them.
    """
    if list(names[0]) == list(names[1]):
        return ""
    return (
        f"{dataset.name}: the class names of {parts[0]} and {parts[1]} in {folder} differ: "
        f"{difference(names, parts)}; make them the same"
    )


def difference(names: Sequence[Sequence[str]], parts: Sequence[str]) -> str:
    """How the class names of two parts differ; see `explain`."""
    train, test = ({*own} for own in names)
    extra = [(part, sorted(own)) for part, own in zip(parts, (train - test, test - train), strict=True) if own]
    if len(extra) == 2:
        return ", ".join(f"{part} has {_some(own)}" for part, own in extra)
    if extra:
        part, own = extra[0]
        return f"{part} has {_some(own)}, {parts[1 - parts.index(part)]} does not"
    for number, (first, second) in enumerate(zip(*names, strict=False)):
        if first != second:
            return f"class {number} is {_shown(first)} in {parts[0]} and {_shown(second)} in {parts[1]}"
    return f"{parts[0]} has {quantity(len(names[0]), 'class')}, {parts[1]} has {len(names[1])}"


def _some(names: Sequence[str]) -> str:
    return first_of([_shown(name) for name in names], _NAMED)


def _shown(name: str) -> str:
    """A name as it is; one that looks like another, for its blanks or its way to write an accent, in ASCII."""
    is_plain = name == name.strip() and name == unicodedata.normalize("NFC", name)
    return name if is_plain else ascii(name)
