"""Reads the pickles in which data sets are published, without executing code that they may contain."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from attnctl.jobs.data.errors import DataError

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


def load_restricted(stream: IO[bytes], source: str) -> Mapping[Any, Any]:
    """Load a dictionary of arrays and plain values; raises DataError naming `source` for anything else."""
    try:
        content = _ArrayUnpickler(stream, encoding="latin1").load()
    except Exception as error:  # for a damaged pickle, load raises many different types
        raise DataError(f"{source} is damaged or not a data batch: {error}") from error
    if not isinstance(content, Mapping):
        raise DataError(f"{source} contains a {type(content).__name__} instead of a data batch")
    return content


class _ArrayUnpickler(pickle.Unpickler):
    """Allows only numpy arrays: no other object can be created or called, whatever the file contains."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        if module_name in _ARRAY_MODULES and global_name == "_reconstruct":
            return _reconstruct
        if (module_name, global_name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module_name, global_name) == ("numpy", "dtype"):
            return np.dtype
        if (module_name, global_name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"it refers to {module_name}.{global_name}, which no data batch needs")


def _reconstruct(kind: type, shape: tuple[int, ...], _typecode: str | bytes) -> np.ndarray[Any, Any]:
    """An empty array, which gets its shape and type from the pickle afterwards, as in numpy's own _reconstruct."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError("it contains an array of a class other than numpy.ndarray")
    return np.ndarray(shape, np.uint8)


def _encode(text: str, encoding: str) -> bytes:
    """Decode bytes as Python 3 writes them into a pickle of protocol 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it contains bytes in encoding {encoding}")
    return text.encode("latin1")
