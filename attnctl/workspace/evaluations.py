"""What `attnctl eval` found of a trained network, apart from the metrics that its run recorded.

    runs/<id>/evaluations/<key>.json    Evaluation: the newest of the same data set and split
    runs/<id>/evaluations/<key>.npz     the predicted and the true class of each image, if they were to be kept

The key is a hash of the data set and the split.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from attnctl.files import write_atomic
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import RunDir, skip_unreadable
from attnctl.workspace.records import Record, RecordError

FOLDER = "evaluations"
EvaluatedSplit = Literal["test", "val", "train"]

_ARRAYS = ("predicted", "labels", "parts")
_MOST_IMAGES = 1 << 24
_LONGEST_HEADER = 1 << 12
_DAMAGED = (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One corruption at one severity; of any other data set the whole, whose corruption is empty and severity 0.

    metrics: top1, top5 and ece in percent, and loss.
    """

    corruption: str = ""
    severity: int = 0
    images: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Evaluation(Record):
    """A trained network on the images of a data set.

    dataset: its name, or its folder as typed. content: a digest of the images' names and classes. step: of the
    checkpoint.
    metrics: over all images; of corruptions the mean over all parts. by_class: (right, all) images of each class.
    confused: (true, predicted, images) of the wrong predictions.
    """

    at: float
    dataset: str
    split: EvaluatedSplit
    content: str
    step: int
    images: int
    metrics: Mapping[str, float]
    parts: tuple[Part, ...]
    classes: tuple[str, ...]
    by_class: tuple[tuple[int, int], ...]
    confused: tuple[tuple[int, int, int], ...] = field(default=())

    def __post_init__(self) -> None:
        if len(self.by_class) != len(self.classes):
            raise ValueError(f"it has {len(self.classes)} classes, and results of {len(self.by_class)}")
        numbers = {number for true, predicted, _ in self.confused for number in (true, predicted)}
        if any(not 0 <= number < len(self.classes) for number in numbers):
            raise ValueError("it names a class that there is not")


@dataclass(frozen=True)
class Predictions:
    """The classes of the images, in the order of the data set. parts: the number of each image's part."""

    predicted: npt.NDArray[np.integer]
    labels: npt.NDArray[np.integer]
    parts: npt.NDArray[np.integer]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each image is predicted rightly."""
        result: npt.NDArray[np.bool_] = self.predicted == self.labels
        return result

    def encode(self) -> bytes:
        """The classes as the content of a compressed .npz file, in the smallest type."""
        stream = io.BytesIO()
        arrays = {name: _small(getattr(self, name)) for name in _ARRAYS}
        np.savez_compressed(stream, allow_pickle=False, **arrays)
        return stream.getvalue()

    @classmethod
    def decode(cls, data: bytes, source: object = "predictions") -> Predictions:
        """What `encode` wrote; raises RecordError, which names `source`."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                arrays = [_array(archive, f"{name}.npy") for name in _ARRAYS]
        except _DAMAGED as error:
            raise RecordError(f"{source} has no predictions: {error}") from error
        if len({len(array) for array in arrays}) > 1:
            raise RecordError(f"{source} has no predictions: its arrays have different lengths")
        return cls(*arrays)


def _small(array: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    largest = int(array.max(initial=0))
    kind = np.uint8 if largest < 1 << 8 else np.uint16 if largest < 1 << 16 else np.uint32
    return array.astype(kind)


def _array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[np.integer]:
    """A vector of unsigned numbers; raises ValueError before memory is taken for anything else."""
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{name} has version {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=_LONGEST_HEADER)
        if len(shape) != 1 or dtype.kind != "u" or dtype.itemsize > 4 or not 0 <= shape[0] < _MOST_IMAGES:
            raise ValueError(f"{name} is no vector of classes")
        content = stream.read(shape[0] * dtype.itemsize + 1)
    if len(content) != shape[0] * dtype.itemsize:
        raise ValueError(f"{name} has {len(content)} bytes")
    return np.frombuffer(content, dtype)


def key(dataset: str, split: str) -> str:
    """The name of the files of an evaluation."""
    return hashlib.sha256(json.dumps([dataset, split]).encode()).hexdigest()[:16]


def write(run: RunDir, evaluation: Evaluation, predictions: Predictions | None) -> Path:
    """Write an evaluation in place of an earlier one of the same data set and split; returns its file.

    predictions: kept beside it; without them those of the earlier one are deleted. Raises OSError.
    """
    path = run.path / FOLDER / f"{key(evaluation.dataset, evaluation.split)}.json"
    kept = path.with_suffix(".npz")
    kept.unlink(missing_ok=True)
    if predictions is not None:
        write_atomic(kept, predictions.encode())
    write_atomic(path, evaluation.encode())
    return path


def read(run: RunDir) -> list[Evaluation]:
    """The evaluations of a run, newest first; damaged files are skipped."""
    found = []
    for path in sorted((run.path / FOLDER).glob("*.json")):
        with skip_unreadable():
            record = Evaluation.read(path)
            found += [record] if record is not None else []
    return sorted(found, key=lambda record: -record.at)


def predictions(run: RunDir, evaluation: Evaluation) -> Predictions | None:
    """The predictions that were kept of an evaluation. Raises RecordError."""
    path = run.path / FOLDER / f"{key(evaluation.dataset, evaluation.split)}.npz"
    data = untrusted_json.content(path)
    return Predictions.decode(data, path) if data is not None else None
