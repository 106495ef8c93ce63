"""A cheap look at the beginning of a data set's files, which shows that one is damaged or something else altogether.

Of a folder, one file is looked at. `attnctl data check` reads all of them.
"""

from __future__ import annotations

import itertools
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from attnctl.datasets.class_folders import class_folders
from attnctl.datasets.descriptor import Dataset
from attnctl.files import open_regular
from attnctl.values import SpecError

_BLOCK = 512
"""Bytes that are read of a file; a tar file's first header has as many."""

_MOST_ENTRIES = 100
"""Entries of a folder that are tried: folders of a million images are common."""

_IMAGE = ("an image", (b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"RIFF"))
"""One of ImageNet's .JPEG files is a PNG."""

_BEGINNINGS = {
    **dict.fromkeys((".jpeg", ".jpg", ".png"), _IMAGE),
    ".json": ("a JSON object", (b"{",)),
    ".xml": ("an XML file", (b"<",)),
    ".gz": ("a gzip archive", (b"\x1f\x8b",)),
    "": ("a pickle", (b"\x80",)),
}
"""By the ending of a name: what the file should be, and the bytes with which it begins."""


def damaged(dataset: Dataset, folder: Path | None) -> str:
    """The first file whose beginning is not that of its format, as a message; empty if there is none."""
    if dataset.layout in {"embedded", "loaded"} or folder is None:
        return ""
    try:
        return next((problem for path in _samples(dataset, folder) if (problem := _problem(path))), "")
    except (OSError, SpecError) as error:
        return f"{folder} cannot be read: {getattr(error, 'strerror', None) or error}"


def _samples(dataset: Dataset, folder: Path) -> Iterator[Path]:
    """The files of the descriptor, one file of each of its folders, or the archive that is there instead."""
    for item in dataset.files:
        path = folder / item.name
        if path.is_dir():
            yield from _in_folder(path, classes=dataset.layout == "imagefolder")
        elif path.exists():
            yield path
    if dataset.archive:
        yield from (path for place in (folder, folder.parent) if (path := place / dataset.archive).is_file())


def _in_folder(folder: Path, *, classes: bool) -> Iterator[Path]:
    if classes and not any(folder.glob("*.tar")):
        folders = class_folders(folder)
        folder = folder / folders[0] if folders else folder
    with os.scandir(folder) as entries:
        for entry in itertools.islice(entries, _MOST_ENTRIES):
            if Path(entry.name).suffix.lower() in {*_BEGINNINGS, ".tar"} - {""} and entry.is_file():
                yield Path(entry.path)
                return


def _problem(path: Path) -> str:
    """What is wrong with the beginning of a file; empty if nothing is."""
    with open_regular(path) as stream:
        start = stream.read(_BLOCK)
    suffix = path.suffix.lower()
    if suffix == ".tar":
        return "" if _is_tar_header(start) else f"{path} is not a tar archive"
    if suffix == ".txt":
        return "" if start.strip() and not {*range(9), *range(14, 32)} & {*start} else f"{path} is not a list of names"
    kind, beginnings = _BEGINNINGS.get(suffix, ("", ()))
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip() if suffix in {".json", ".xml"} else start
    return f"{path} is not {kind}" if kind and not text.startswith(beginnings) else ""


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True
