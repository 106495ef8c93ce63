"""Pickles of data sets: arrays and plain values are read, and nothing is run."""

from __future__ import annotations

import codecs
import os
import pickle
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.unpickle import load_restricted
from tests.jobs.data.published import python2_pickle

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 12)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_and_plain_values_are_loaded(protocol: int) -> None:
    content = {"data": ARRAY, "labels": [3, 1], "name": "batch"}
    found = load_restricted(pickle.dumps(content, protocol), "batch")
    assert (found["labels"], found["name"]) == ([3, 1], "batch")
    assert found["data"].tolist() == ARRAY.tolist()
    assert found["data"].dtype == np.uint8


def test_pickles_of_python_2_are_loaded() -> None:
    found = load_restricted(python2_pickle({b"labels": [3, 1]}), "batch")
    assert found["labels"] == [3, 1]


class Calls:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_pickle_with_a_call_is_refused_and_nothing_is_called(tmp_path: Path) -> None:
    content = pickle.dumps({"data": Calls(tmp_path / "made")})
    with pytest.raises(DataError, match=r"^batch is damaged or not a data batch: it refers to .*mkdir"):
        load_restricted(content, "batch")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("protocol", "core"), [(2, "core"), (3, "core"), *((protocol, "_core") for protocol in range(2, 6))]
)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", ">i4", "float32", "float64", "S7", "U3"])
def test_arrays_of_all_plain_types_and_orders_are_exact(protocol: int, core: str, dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    content = [array, array.T, array[::2], array[0, 0], array[:0], np.asfortranarray(array)]
    data = pickle.dumps({"data": content}, protocol).replace(b"numpy._core.", f"numpy.{core}.".encode())
    found = load_restricted(data, "batch")["data"]
    assert [np.asarray(item).tolist() for item in found] == [np.asarray(item).tolist() for item in content]
    assert [item.dtype.str for item in found if isinstance(item, np.ndarray)] == [array.dtype.newbyteorder("=").str] * 5


# ------------------------------------------------------------------------------------------------------------- attacks


class Call:
    """Something that a pickle calls when it is loaded."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.function, self.arguments, self.state = function, arguments, state

    def __reduce__(self) -> tuple[Any, ...]:
        made = (self.function, self.arguments)
        return made if self.state is None else (*made, self.state)


RECONSTRUCT = np.array(0).__reduce__()[0]
FROMBUFFER: Any = np.arange(3).__reduce_ex__(5)[0]
SCALAR = np.int64(3).__reduce__()[0]
U1 = np.dtype("u1")
RAW = b"0" * 24


def array_with(shape: Any, dtype: Any = U1, raw: Any = RAW) -> Call:
    return Call(RECONSTRUCT, np.ndarray, (0,), b"b", state=(1, shape, dtype, False, raw))


ATTACKS: dict[str, Any] = {
    "ndarray at an address": Call(np.ndarray, (1 << 40,), U1),
    "ndarray with strides": Call(np.ndarray, (1 << 30,), U1, b"x", 0, (1 << 40,)),
    "an enormous first shape": Call(RECONSTRUCT, np.ndarray, (1 << 40,), b"b"),
    "an enormous shape": array_with((1 << 40, 1 << 40)),
    "a shape with too few bytes": array_with((25,)),
    "a shape with too many bytes": array_with((23,)),
    "a negative shape": array_with((-24,)),
    "a shape that is no tuple": array_with(24),
    "a shape of texts": array_with(("24",)),
    "many axes": array_with((1,) * 40 + (24,)),
    "objects": array_with((3,), np.dtype("O")),
    "a structure": array_with((3,), np.dtype([("a", "O"), ("b", "i4")])),
    "a subarray": array_with((1,), np.dtype(("u1", (24,)))),
    "dates": array_with((3,), np.dtype("M8[s]")),
    "another class": Call(RECONSTRUCT, np.memmap, (0,), b"b", state=(1, (24,), U1, False, RAW)),
    "a list as content": array_with((3,), np.dtype("O"), [1, 2, 3]),
    "no state": Call(RECONSTRUCT, np.ndarray, (0,), b"b"),
    "a state of another kind": Call(RECONSTRUCT, np.ndarray, (0,), b"b", state={"shape": (1,)}),
    "a buffer of another size": Call(FROMBUFFER, RAW, U1, (1 << 40,), "C"),
    "a buffer in another order": Call(FROMBUFFER, RAW, U1, (24,), "K"),
    "a scalar of another size": Call(SCALAR, np.dtype("i8"), b"1"),
    "a scalar object": Call(SCALAR, np.dtype("O"), b"12345678"),
    "a dtype alone": U1,
    "an enormous dtype": array_with((1,), Call(np.dtype, "S99999", False, True)),
    "another codec": Call(codecs.encode, "x", "rot13"),
    "a name alone": np.ndarray,
    "a class by its name": Call(codecs.encode, np.ndarray, "latin1"),
    "a long number": 1 << 64,
    "a set": {1, 2},
    "deep lists": [[[[[[1]]]]]],
    "a complex number": 1j,
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_calls_with_other_arguments_than_a_batch_has_are_refused_in_one_line(attack: Any, protocol: int) -> None:
    data = pickle.dumps({"data": attack, "labels": [1]}, protocol)
    with pytest.raises(DataError, match=r"^batch is damaged or not a data batch: .+") as caught:
        load_restricted(data, "batch")
    assert "\n" not in str(caught.value)


def _laughs() -> bytes:
    """Lists that contain the same list many times, and so on."""
    value: Any = [0] * 1000
    for _ in range(3):
        value = [value] * 1000
    return pickle.dumps({"data": value})


BOMBS = {
    "a far memo index": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a far memo index as text": b"}p9999999999\n.",
    "an enormous bytearray": b"\x80\x05\x96" + (1 << 42).to_bytes(8, "little") + b"x.",
    "enormous bytes": b"\x80\x04\x8e" + (1 << 42).to_bytes(8, "little") + b"x.",
    "an enormous frame": b"\x80\x04\x95" + (1 << 62).to_bytes(8, "little") + b"}.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent id": b"Pos\n.",
    "a list in itself": b"\x80\x02}q\x00X\x01\x00\x00\x00a]q\x01h\x01as.",
    "the same lists many times": _laughs(),
    "very many dictionaries": b"\x80\x02" + b"}" * 4_000_010 + b".",
    "a key that is an array": b"\x80\x02}cnumpy\nndarray\nK\x01s.",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_small_file_cannot_fill_the_memory(data: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"^batch is damaged or not a data batch: .+"):
        load_restricted(data, "batch")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20, "kibibytes"


HONEST = [
    pickle.dumps({b"data": ARRAY, b"labels": [3, np.int64(1)], b"name": b"x"}, protocol) for protocol in range(2, 6)
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(HONEST), st.data())
def test_a_changed_batch_is_read_or_refused(data: bytes, draw: st.DataObject) -> None:
    """Fuzzing: a few bytes of an honest file are replaced, removed or repeated."""
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(changed) - 1))
        length = draw.draw(st.integers(0, 8))
        changed[at : at + length] = draw.draw(st.one_of(st.binary(max_size=8), st.just(bytes(changed[at : at + 16]))))
    try:
        found = load_restricted(bytes(changed), "batch")
    except DataError as error:
        message = str(error)
    else:
        message = "batch"
        for value in found.values():
            assert isinstance(value, np.ndarray | list | tuple | dict | str | bytes | int | float | None)
    assert message.startswith("batch")
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"", b"\x80", b"no pickle", pickle.dumps({"data": ARRAY})[:-20]])
def test_a_damaged_pickle_is_named(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^batch is damaged or not a data batch"):
        load_restricted(content, "batch")


@pytest.mark.parametrize("value", [[1, 2], "text", ARRAY])
def test_anything_but_a_dictionary_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match=r"^batch contains a \w+ instead of a data batch"):
        load_restricted(pickle.dumps(value), "batch")
