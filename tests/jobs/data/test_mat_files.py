"""MATLAB files: arrays as SciPy reads them; no size that a file declares is taken on trust."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from attnctl.jobs.data.mat_files import LARGEST, read_numbers

NUMBERS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def saved(variables: dict[str, Any], *, compressed: bool = False) -> bytes:
    stream = io.BytesIO()
    savemat(stream, variables, do_compression=compressed)
    return stream.getvalue()


def element(kind: int, data: bytes, size: int | None = None) -> bytes:
    """An element with its tag, which declares `size` bytes, or as many as there are."""
    return struct.pack("<II", kind, len(data) if size is None else size) + data + bytes(-len(data) % 8)


def matrix(kind: int, shape: tuple[int, ...], rest: bytes, name: bytes = b"") -> bytes:
    start = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, start + element(1, name) + rest)


def whole(*variables: bytes) -> bytes:
    return b"a file of this test".ljust(124) + b"\x00\x01IM" + b"".join(variables)


def sbd(segmentation: bytes, shape: tuple[int, ...] = (1, 1)) -> bytes:
    """The struct in a file of SBD."""
    names = struct.pack("<HHi", 5, 4, 32) + element(1, b"Segmentation".ljust(32, b"\0"))
    return matrix(2, shape, names + segmentation, b"GTcls")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_an_array_in_a_struct_is_read_as_it_was_saved(dtype: type[np.generic], compressed: bool) -> None:
    boundaries = np.empty((20, 1), object)
    boundaries[:] = [[np.eye(3, 4)]] * 20
    struct_of_sbd = {"Boundaries": boundaries, "Segmentation": NUMBERS.astype(dtype), "CategoriesPresent": [2, 5]}
    content = saved({"other": np.zeros(9), "GTcls": struct_of_sbd}, compressed=compressed)
    assert np.array_equal(read_numbers(content, "GTcls", "Segmentation"), NUMBERS)
    assert np.array_equal(read_numbers(content, "other"), np.zeros((1, 9)))


def test_structs_in_structs_and_the_small_arrays_in_them_are_read() -> None:
    content = saved({"a": {"b": {"c": np.array([[1, 2], [3, 4]], np.uint8)}, "none": np.zeros((0, 3))}})
    assert read_numbers(content, "a", "b", "c").tolist() == [[1, 2], [3, 4]]
    assert read_numbers(content, "a", "none").shape == (0, 3)


def test_the_other_byte_order_is_read() -> None:
    flags = struct.pack(">IIII", 6, 8, 9, 0)
    shape = struct.pack(">IIii", 5, 8, 1, 2)
    name = struct.pack(">HH4s", 1, 1, b"a")
    numbers = struct.pack(">HHHH", 4, 4, 258, 3)
    inner = flags + shape + name + numbers
    content = b"".ljust(124) + b"\x01\x00MI" + struct.pack(">II", 14, len(inner)) + inner
    assert read_numbers(content, "a").tolist() == [[258, 3]]


def test_a_file_without_the_array_says_what_it_lacks() -> None:
    content = saved({"GTcls": {"Other": NUMBERS}, "text": "abc", "cells": np.array([[NUMBERS], [NUMBERS]], object)})
    for names, message in (
        (("GTcls", "Segmentation"), "without the field Segmentation"),
        (("GTinst",), "no variable GTinst"),
        (("text",), "something else than real numbers"),
        (("cells", "x"), "no struct of one element with the field x"),
        (("GTcls",), "something else than real numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            read_numbers(content, *names)
    with pytest.raises(ValueError, match="something else than real numbers"):
        read_numbers(saved({"a": np.array([1 + 2j])}), "a")


HOSTILE = {
    "numbers that it does not have": (sbd(matrix(9, (1 << 30, 1 << 30), element(2, b"abc"))), "shape"),
    "sizes whose product overflows": (sbd(matrix(9, (1 << 30,) * 5, element(2, b""))), "shape"),
    "a struct of many elements": (sbd(matrix(9, (3, 4), element(2, bytes(12))), (1 << 30, 2)), "one element"),
    "negative sizes": (sbd(matrix(9, (-3, -4), element(2, bytes(12)))), "negative"),
    "an element larger than the file": (element(14, b"", 0xFFFFFFF0), "more bytes than it has"),
    "an element larger than its array": (sbd(matrix(9, (3, 4), element(2, bytes(12), 1 << 28))), "more bytes"),
    "a bomb": (element(15, zlib.compress(bytes(LARGEST + 1), 9)), "more than 64 MiB"),
    "many small bombs": (element(15, zlib.compress(element(14, bytes(LARGEST // 4)), 9)) * 8, "type 0"),
    "axes without end": (matrix(9, (1,) * 99, element(2, b"a")), "number of axes"),
    "names of no length": (
        matrix(2, (1, 1), element(5, bytes(4)) + element(1, b""), b"GTcls"),
        "invalid length of names",
    ),
    "names of negative length": (
        matrix(2, (1, 1), element(5, b"\xff" * 4) + element(1, b""), b"GTcls"),
        "invalid length of names",
    ),
    "a small element of 60,000 bytes": (b"\x02\x00\xff\xff" + bytes(12), "invalid size"),
}


CHILD = f"""
import resource, sys
from pathlib import Path
from attnctl.jobs.data.mat_files import read_numbers
pages = int(Path('/proc/self/statm').read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + {3 * LARGEST},) * 2)
for path in sys.argv[1:]:
    try:
        read_numbers(Path(path).read_bytes(), 'GTcls', 'Segmentation')
    except ValueError as error:
        print(error)
"""


def test_a_size_that_a_file_declares_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    """In a process that may take 192 MiB more than it has at its start."""
    paths = [tmp_path / f"{number}.mat" for number in range(len(HOSTILE))]
    for path, (variables, _) in zip(paths, HOSTILE.values(), strict=True):
        path.write_bytes(whole(variables))
    command = [sys.executable, "-c", CHILD, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr == ""
    for (attack, (_, message)), line in zip(HOSTILE.items(), done.stdout.splitlines(), strict=True):
        assert message in line, attack


@pytest.mark.parametrize("version", [b"\x00\x02IM", b"IM\x00\x01", b"\x02\x00MI"])
def test_files_of_other_versions_are_named(version: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a MATLAB file|not of MATLAB's format 5; save it with -v7"):
        read_numbers(b"MATLAB 7.3 MAT-file".ljust(124) + version + bytes(400), "GTcls")
