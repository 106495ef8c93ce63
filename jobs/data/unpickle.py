"""Reading the pickles that data sets are published as, without running what a stranger may have put into them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from attnctl.jobs.data.errors import DataError

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


def load_restricted(stream: IO[bytes], source: str) -> Mapping[Any, Any]:
    """The dictionary of arrays and plain values in `stream`; raises DataError naming `source` for anything else."""
    try:
        content = _ArrayUnpickler(stream, encoding="latin1").load()
    except Exception as error:  # a damaged pickle raises nearly every type there is
        raise DataError(f"{source} is damaged or not a data batch: {error}") from error
    if not isinstance(content, Mapping):
        raise DataError(f"{source} holds a {type(content).__name__}, not a data batch")
    return content


class _ArrayUnpickler(pickle.Unpickler):
    """Knows numpy arrays and nothing else: no other name can be called, whatever the file says."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        if module_name in _ARRAY_MODULES and global_name == "_reconstruct":
            return _reconstruct
        if (module_name, global_name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module_name, global_name) == ("numpy", "dtype"):
            return np.dtype
        if (module_name, global_name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}, which no data batch needs")


def _reconstruct(kind: type, shape: tuple[int, ...], _typecode: str | bytes) -> np.ndarray[Any, Any]:
    """An empty array, which then takes its true shape and type from the pickle, as numpy's own _reconstruct does."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError("an array of another class than numpy.ndarray")
    return np.ndarray(shape, np.uint8)


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes into a pickle of protocol 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in encoding {encoding}")
    return text.encode("latin1")
