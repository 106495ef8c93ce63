"""The predicted and the true class of each image of an evaluation, in a compact file."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attnctl.workspace import untrusted_json
from attnctl.workspace.evaluations import FOLDER, Evaluation, key
from attnctl.workspace.layout import RunDir
from attnctl.workspace.records import RecordError

_ARRAYS = ("predicted", "labels", "parts")
_MOST_IMAGES = 1 << 24
_VERSION_1 = b"\x93NUMPY\x01\x00"
_START = len(_VERSION_1) + 2
_HEADER = re.compile(rb"\{'descr': '([|<]u[124])', 'fortran_order': False, 'shape': \((\d{1,9}),\), \} *\n")
"""What numpy writes before a vector of unsigned numbers (NEP 1, version 1.0), after the length of it."""
_DAMAGED = (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


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
    """A vector of unsigned numbers; raises ValueError before memory is taken for anything else.

    The header is not given to numpy, whose parser raises many different errors for a damaged one.
    """
    with archive.open(name) as stream:
        start = stream.read(_START)
        header = _HEADER.fullmatch(stream.read(int.from_bytes(start[-2:], "little")))
        if start[:-2] != _VERSION_1 or header is None:
            raise ValueError(f"{name} is not a vector of classes")
        dtype, count = np.dtype(header[1].decode()), int(header[2])
        if count > _MOST_IMAGES:
            raise ValueError(f"{name} has {count} images")
        content = stream.read(count * dtype.itemsize + 1)
    if len(content) != count * dtype.itemsize:
        raise ValueError(f"{name} has {len(content)} bytes")
    return np.frombuffer(content, dtype)


def read(run: RunDir, evaluation: Evaluation) -> Predictions | None:
    """The predictions that were kept of an evaluation. Raises RecordError."""
    path = run.path / FOLDER / f"{key(evaluation.dataset, evaluation.split)}.npz"
    data = untrusted_json.content(path)
    return Predictions.decode(data, path) if data is not None else None
