"""Files of torch.save are checked before torch loads them."""

from __future__ import annotations

import io
import os
import zipfile
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from attnctl.jobs.training import checkpoint
from attnctl.values import SpecError
from attnctl.workspace import weight_files
from tests.fixtures import limited_memory

CHECK = """
import sys
from pathlib import Path
from attnctl.values import SpecError
from attnctl.workspace import weight_files
try: weight_files.check(Path(sys.argv[1]))
except SpecError as error: print(error)
"""


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saved_is_accepted(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    numbers = {f"{number}": number for number in range(120_000)}
    state = {"model": torch.nn.BatchNorm2d(3).state_dict(), "losses": [0.5] * 120_000, "steps": numbers}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    weight_files.check(path)


def test_a_checkpoint_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "10-1.0.pt"
    path.write_bytes(checkpoint.encode({"network": torch.nn.Linear(2, 2).state_dict()}))
    weight_files.check(path)


def zipped(path: Path, pickled: bytes, numbers: int, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a/data.pkl", pickled)
        with archive.open("a/data/0", "w") as stream:
            for _ in range(numbers >> 20):
                stream.write(bytes(1 << 20))


def compressed(path: Path) -> None:
    zipped(path, b"\x80\x02}.", 1 << 30, zipfile.ZIP_DEFLATED)


def declared(path: Path) -> None:
    zipped(path, b"\x80\x02}.", 1 << 20)
    data = path.read_bytes()
    start = data.rindex(b"PK\x01\x02")
    sizes = start + 20
    path.write_bytes(data[:sizes] + (0xF0000000).to_bytes(4, "little") * 2 + data[sizes + 8 :])


def nested(path: Path) -> None:
    zipped(path, b"\x80\x02})" + b"\x85" * 1_000_000 + b"K\x01s.", 0)


def bytearrays(path: Path) -> None:
    zipped(path, b"\x80\x02c__builtin__\nbytearray\n(J\xff\xff\xff\x7ftR.", 0)


def directory(path: Path) -> None:
    """A file whose zip directory claims almost all of its four (unwritten) gigabytes."""
    size = 1 << 32
    with path.open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.seek(size - 300)
        zip64 = b"PK\x06\x06" + (44).to_bytes(8, "little") + bytes(12) + (1).to_bytes(8, "little") * 2
        zip64 += (size - 400).to_bytes(8, "little") + (100).to_bytes(8, "little")
        locator = b"PK\x06\x07" + bytes(4) + (size - 300).to_bytes(8, "little") + (1).to_bytes(4, "little")
        end = b"PK\x05\x06" + bytes(4) + b"\xff\xff" * 2 + b"\xff" * 8 + bytes(2)
        stream.write(zip64 + locator + end)


def pickled(path: Path) -> None:
    """The old format, with a text that claims 4 GB, which the file has without using any disk."""
    with path.open("wb") as stream:
        stream.write(b"\x80\x02X\xf0\xff\xff\xff")
        stream.truncate(1 << 32)


def fifo(path: Path) -> None:
    os.mkfifo(path)


HOSTILE = {
    compressed: "its content is compressed",
    declared: "it declares more bytes than it has",
    nested: "it is nested too deep",
    bytearrays: "it contains a bytearray",
    directory: "",
    pickled: "",
    fifo: "this is not a regular file",
}


@pytest.mark.parametrize(("make", "reason"), HOSTILE.items(), ids=[make.__name__ for make in HOSTILE])
def test_a_hostile_file_is_named_in_little_memory(make: object, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.pt"
    assert callable(make)
    make(path)
    done = limited_memory.run(CHECK, str(path), megabytes=256)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"cannot load weights from {path}: ")
    assert reason in done.stdout
    assert done.stdout.count("\n") == 1


def test_other_files_are_named(tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save({}, stream)
    for data in (b"", b"P", b"PK", b"text", b"\x80\x02", b"\x80\x02.", stream.getvalue()[:100]):
        (tmp_path / "a.pt").write_bytes(data)
        with pytest.raises(SpecError, match=r"cannot load weights from .*a\.pt: ."):
            weight_files.check(tmp_path / "a.pt")


OTHER_FILES = {
    b"": "it is empty",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n": "it is a Git LFS pointer; run git lfs pull",
    b"<!DOCTYPE html><html>not found</html>": "it is a web page, not weights; download the file again",
    b"\x1f\x8b\x08\x00": "it is compressed by gzip; unpack it first",
    b"plain text": "it was not written by torch.save or safetensors",
    b"\x80\x04\x95\x00": "it was pickled with protocol 4; save it with torch.save's default protocol, 2",
}


@pytest.mark.parametrize(("data", "said"), OTHER_FILES.items(), ids=OTHER_FILES.values())
def test_the_message_says_what_a_file_is(data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(data)
    with pytest.raises(SpecError) as caught:
        weight_files.check(path)
    assert str(caught.value) == f"cannot load weights from {path}: {said}"


def test_the_classes_that_a_file_names_are_known(tmp_path: Path) -> None:
    torch.save({"args": Namespace(lr=0.1)}, tmp_path / "a.pth")
    assert "argparse.Namespace" in weight_files.check(tmp_path / "a.pth").classes


HEADERS = {
    "no object": b"[1]",
    "no offsets": b'{"a": {"dtype": "F32", "shape": [1]}}',
    "beyond the file": b'{"a": {"dtype": "F32", "shape": [1000000], "data_offsets": [0, 4000000]}}',
    "other size": b'{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}}',
    "negative": b'{"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}',
    "many dimensions": b'{"a": {"dtype": "F32", "shape": [' + b"1," * 99 + b'1], "data_offsets": [0, 4]}}',
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_wrong_header_of_safetensors_is_refused(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(SpecError, match=r"cannot load weights from .*a\.safetensors: ."):
        weight_files.check(path)


def test_a_pickle_without_end_is_given_up_before_it_takes_long(tmp_path: Path) -> None:
    path = tmp_path / "long.pt"
    path.write_bytes(b"\x80\x02" * (8 << 20))
    with pytest.raises(SpecError, match=r"long\.pt: its list of tensors is too long"):
        weight_files.check(path)
