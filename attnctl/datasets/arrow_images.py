"""Images and classes in the Arrow files that Hugging Face's `datasets` writes. Needs pyarrow.

A file says what its columns are (`Image`, `ClassLabel`). Images are the bytes of image files; they are read from the
mapped file one by one, so a data set can be larger than the memory.
"""

from __future__ import annotations

import importlib.metadata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from attnctl.datasets.hub import EXAMPLE, PREFIX, HubFolder
from attnctl.datasets.image_statistics import ImageStatistics, measure_encoded
from attnctl.files import open_regular, reason
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join, did_you_mean, first_of
from attnctl.workspace import untrusted_json

_OLDEST = (14, 0, 1)
"""Older releases of pyarrow unpickle extension types, so that a file could run code: CVE-2023-47248."""

_METADATA = b"huggingface"
_SHOWN = 3  # an error names only the first of many classes

Labels = npt.NDArray[np.int64]


def check_installed() -> None:
    """Raise SpecError unless a release of pyarrow is installed that reads files without running code in them."""
    try:
        version = importlib.metadata.version("pyarrow")
    except importlib.metadata.PackageNotFoundError as error:
        raise SpecError(f"{PREFIX} needs pyarrow, which comes with datasets: pip install datasets") from error
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())
    if numbers < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise SpecError(f"pyarrow {version} can run code in the files it reads; install {oldest} or newer")


@dataclass
class ArrowImages:
    """The images of one split. image, label: the columns. chosen: the rows that count; all if None."""

    files: tuple[Path, ...]
    image: str
    label: str
    class_names: tuple[str, ...]
    labels: Labels
    first_rows: tuple[int, ...]
    """Of each file."""
    chosen: Labels | None = None
    left_out: tuple[str, ...] = ()
    """Always empty: every row is an image."""
    _chunks: tuple[tuple[int, Any], ...] = field(default=(), repr=False)
    """The first row and the bytes of each piece of a file that one process has opened."""

    def __getstate__(self) -> dict[str, Any]:
        """Without the open files, which another process opens itself."""
        return {**vars(self), "_chunks": ()}

    def name(self, number: int) -> str:
        """The file and row of an image, for messages."""
        row = self._row(number)
        file = bisect_right(self.first_rows, row) - 1
        return f"{self.files[file]}: row {row - self.first_rows[file]}"

    def read(self, number: int) -> bytes:
        """The encoded image; raises SpecError if the files can no longer be read."""
        if not self._chunks:
            self._chunks = _chunks([_table(path).column(self.image) for path in self.files])
        row = self._row(number)
        first, chunk = self._chunks[bisect_right(self._chunks, row, key=itemgetter(0)) - 1]
        content: bytes = chunk[row - first].as_py()
        return content

    def of(self, index: Labels) -> ArrowImages:
        """The images with these numbers."""
        return replace(self, labels=self.labels[index], chosen=index if self.chosen is None else self.chosen[index])

    def _row(self, number: int) -> int:
        return number if self.chosen is None else int(self.chosen[number])


def open_parts(folder: HubFolder, image: str = "", label: str = "") -> list[ArrowImages]:
    """The training and the evaluated images, or all images if they are divided later; raises SpecError.

    image, label: the columns, which must be named if there are several of these types.
    """
    parts = [_open(folder, part, image, label) for part in dict.fromkeys(folder.parts)]
    first, last = parts[0], parts[-1]
    if first.class_names != last.class_names:
        shown = " and ".join(first_of(part.class_names, _SHOWN) for part in parts)
        raise SpecError(f"{folder.root}: the classes of {folder.parts[0]} and {folder.parts[1]} differ: {shown}")
    unlearnt = np.setdiff1d(last.labels, first.labels)
    if len(unlearnt):
        names = first_of([first.class_names[number] for number in unlearnt], _SHOWN)
        raise SpecError(f"{folder.root}: {folder.parts[0]} has no images of {names}, but {folder.parts[1]} has")
    return parts


def measure(part: ArrowImages) -> ImageStatistics:
    """The sizes and pixels of a sample of these images; raises SpecError if none can be read."""
    rows = [_Row(part, number) for number in range(len(part.labels))]
    return measure_encoded(rows, lambda row: part.read(row.number))


def untrained(part: ArrowImages) -> str:
    """A note on classes that have no images in the training part; empty if there are none."""
    absent = np.setdiff1d(np.arange(len(part.class_names)), part.labels)
    return f"no images of {first_of([part.class_names[number] for number in absent], _SHOWN)}" if len(absent) else ""


@dataclass(frozen=True)
class _Row:
    """An image, whose text is its name."""

    part: ArrowImages
    number: int

    def __str__(self) -> str:
        return self.part.name(self.number)


def columns(path: Path, image: str = "", label: str = "") -> tuple[str, str]:
    """The image column and the class column; raises SpecError if either is missing or not unique."""
    features = _features(_table(path), path)
    return _chosen(features, "Image", "image", image, path), _chosen(features, "ClassLabel", "label", label, path)


def _open(folder: HubFolder, part: str, image: str, label: str) -> ArrowImages:
    paths = folder.splits[part]
    if not paths:
        raise SpecError(f"{folder.root}: the split {part} has no files")
    image, label = columns(paths[0], image, label)
    tables = [_table(path) for path in paths]
    names = _class_names(_features(tables[0], paths[0])[label], label, paths[0])
    labels = []
    for table, path in zip(tables, paths, strict=True):
        if _class_names(_features(table, path).get(label), label, path) != names:
            raise SpecError(f"{path} has other classes than {paths[0]}")
        _check_images(table, image, path)
        labels.append(_labels(table, label, len(names), path))
    first_rows = np.cumsum([0, *(len(part) for part in labels)])
    every = np.concatenate(labels)
    if not len(every):
        raise SpecError(f"{folder.root}: the split {part} has no images")
    return ArrowImages(paths, image, label, names, every, tuple(map(int, first_rows[:-1])))


# --------------------------------------------------------------------------------------------------------------- tables


def _table(path: Path) -> Any:
    """The table of a file, which is mapped and not read; raises SpecError."""
    check_installed()
    import pyarrow

    try:
        with open_regular(path):  # a pipe would block
            pass
        return pyarrow.ipc.open_stream(pyarrow.memory_map(str(path))).read_all()
    except (OSError, pyarrow.ArrowException) as error:
        cause = reason(error) if isinstance(error, OSError) and error.errno else "damaged or not an Arrow file"
        raise SpecError(f"{path} cannot be read: {cause}") from error


def _features(table: Any, path: Path) -> dict[str, Mapping[str, Any]]:
    """The types that `datasets` has written beside the columns; raises SpecError."""
    try:
        document = untrusted_json.loads_object((table.schema.metadata or {})[_METADATA])
        features = document["info"]["features"]
        return {name: features[name] for name in table.column_names if isinstance(features.get(name), dict)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpecError(f"{path} does not say what its columns are; save it with `datasets`") from error


def _chosen(features: Mapping[str, Mapping[str, Any]], kind: str, option: str, given: str, path: Path) -> str:
    """The column of a type; raises SpecError."""
    having = [name for name, feature in features.items() if feature.get("_type") == kind]
    if given and given not in having:
        raise SpecError(f"{path} has no column {given!r:.40} of type {kind}{did_you_mean(given, having)}")
    if not having:
        shown = comma_join(f"{name} ({feature.get('_type', 'Sequence')!s:.20})" for name, feature in features.items())
        raise SpecError(f"{path} has no column of type {kind}; its columns are {shown}")
    if not given and len(having) > 1:
        raise SpecError(
            f"{path} has {len(having)} columns of type {kind}, {comma_join(having)}; name one after the colon, as in "
            f"{EXAMPLE}:{option}={having[0]}"
        )
    return given or having[0]


def _class_names(feature: Mapping[str, Any] | None, label: str, path: Path) -> tuple[str, ...]:
    names = (feature or {}).get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise SpecError(f"{path}: the column {label} has no names of classes")
    if len(names) < 2:
        raise SpecError(f"{path}: the column {label} has {quantity(len(names), 'class')}; a classifier needs two")
    return tuple(names)


def _check_images(table: Any, image: str, path: Path) -> None:
    """Raise SpecError unless each row has the bytes of an image."""
    row = 0
    for content in _contents(table.column(image), path):
        if content.null_count:
            missing = row + int(np.flatnonzero(content.is_null().to_numpy(zero_copy_only=False))[0])
            raise SpecError(
                f"{path}: row {missing} of {image} has no bytes, only the path of a file or nothing; save_to_disk puts "
                f"the files into the data set: name that folder, as {PREFIX}./saved"
            )
        row += len(content)


def _contents(column: Any, path: Path | None = None) -> list[Any]:
    """The bytes of the images, a piece at a time; raises SpecError."""
    import pyarrow

    pieces = []
    for chunk in column.chunks:
        names = [chunk.type.field(k).name for k in range(chunk.type.num_fields)]
        if "bytes" not in names or not pyarrow.types.is_struct(chunk.type):
            raise SpecError(f"{path}: its images are of type {chunk.type}, and not the bytes of files")
        piece = chunk.flatten()[names.index("bytes")]
        if not (pyarrow.types.is_binary(piece.type) or pyarrow.types.is_large_binary(piece.type)):
            raise SpecError(f"{path}: its images are of type {piece.type}, and not bytes")
        try:
            piece.validate(full=True)  # the offsets: a damaged one would read outside the file
        except pyarrow.ArrowException as error:
            raise SpecError(f"{path} cannot be read: damaged or not an Arrow file") from error
        pieces.append(piece)
    return pieces


def _chunks(columns_of_files: Sequence[Any]) -> tuple[tuple[int, Any], ...]:
    """The first row and the bytes of each piece that has rows."""
    pieces = [piece for column in columns_of_files for piece in _contents(column) if len(piece)]
    first_rows = np.cumsum([0, *map(len, pieces)])
    return tuple((int(row), piece) for row, piece in zip(first_rows, pieces, strict=False))


def _labels(table: Any, label: str, classes: int, path: Path) -> Labels:
    """The class of each row; raises SpecError for rows without one."""
    import pyarrow

    column = table.column(label)
    if not pyarrow.types.is_integer(column.type):
        raise SpecError(f"{path}: the column {label} is of type {column.type}, and not whole numbers")
    try:
        column.validate(full=True)
        values: Labels = column.fill_null(-1).to_numpy().astype(np.int64)
    except pyarrow.ArrowException as error:
        raise SpecError(f"{path} cannot be read: damaged or not an Arrow file") from error
    wrong = np.flatnonzero((values < 0) | (values >= classes))
    if len(wrong):
        given = "no class" if values[wrong[0]] == -1 else f"the class {values[wrong[0]]} of {classes}"
        raise SpecError(f"{path}: row {wrong[0]} has {given} in {label}")
    return values
