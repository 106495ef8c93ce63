"""Checkpoints: written completely or not at all, verified when read, and tied to their run.

A checkpoint is written by `torch.save` and readable by `torch.load(path, weights_only=True)`. Its SHA-256 is in the
comment of the zip archive, so that the file and its digest appear by the same rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch
from torch import Tensor

from attnctl.files import atomic_stream, read_regular
from attnctl.workspace.checkpoints import COMMENT, KEPT, MARK, Name, located, stored
from attnctl.workspace.layout import RunDir
from attnctl.workspace.weight_files import check_archive

__all__ = [
    "KEPT",
    "CheckpointError",
    "Name",
    "clean",
    "decode",
    "encode",
    "is_newest",
    "load",
    "memory",
    "newest",
    "on_cpu",
    "save",
    "stored",
    "write",
]

FORMAT = 1
"""Version of the content; newer versions cannot be read."""


class CheckpointError(ValueError):
    """The file is not a usable checkpoint of this run; the message contains its path and the reason."""


class _Digested:
    """A stream that is written and digested at once, so that no copy of the whole content is made.

    An error is kept: torch continues to write after it, and raises one of its own.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.digest = stream, hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:
        """Write and digest these bytes."""
        if self.error is None:
            self.digest.update(data)
            try:
                self._stream.write(data)
            except OSError as error:
                self.error = error
                raise
        return len(data)

    def flush(self) -> None:
        """Do nothing: whoever opened the stream flushes it."""


def write(state: dict[str, Any], stream: BinaryIO) -> None:
    """Write a state of tensors, numbers, strings and containers of these as a checkpoint file; raises OSError.

    stream: empty; it can seek.
    """
    digested = _Digested(stream)
    with _without_crc32():
        try:
            torch.save(state, cast(IO[bytes], digested))
        except RuntimeError:
            if digested.error is None:
                raise
    if digested.error is not None:
        raise digested.error
    # The last two bytes of a zip archive are the length of its comment, so far 0 (APPNOTE.TXT, 4.3.16).
    stream.seek(-2, os.SEEK_CUR)
    stream.write(COMMENT.to_bytes(2, "little") + MARK + digested.digest.hexdigest().encode())


@contextlib.contextmanager
def _without_crc32() -> Iterator[None]:
    """Inside the block torch.save does not compute the archive's CRC32, which torch.load ignores: SHA-256 is kept."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def encode(state: dict[str, Any]) -> bytes:
    """The bytes of a checkpoint file; see `write`."""
    stream = io.BytesIO()
    write(state, stream)
    return stream.getvalue()


def decode(data: bytes, source: object) -> dict[str, Any]:
    """The state in the bytes of a checkpoint file, on the CPU; raises CheckpointError that names `source`."""
    end = len(data) - COMMENT
    if not data[end:].startswith(MARK) or end < 2:
        raise CheckpointError(f"{source} is truncated or not a checkpoint")
    digest = hashlib.sha256(memoryview(data)[: end - 2])
    digest.update(b"\0\0")
    if digest.hexdigest().encode() != data[end + len(MARK) :]:
        raise CheckpointError(f"{source} is damaged: its checksum does not match")
    try:
        check_archive(data)
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # for an invalid archive or pickle, these raise many different types
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f"{source} cannot be read by this version of torch: {reason[0]}") from error
    if not isinstance(state, dict) or type(state.get("format")) is not int:
        raise CheckpointError(f"{source} is not a checkpoint of attnctl")
    if state["format"] > FORMAT:
        newer = f"format {state['format']}, this release reads up to {FORMAT}"
        raise CheckpointError(f"{source} was written by a newer release of attnctl ({newer})")
    return state


def save(run: RunDir, name: Name, state: dict[str, Any], keep: int = KEPT) -> tuple[Path, int]:
    """Write a checkpoint durably, then delete all but the `keep` newest; returns its path and its size in bytes.

    Raises OSError; then the earlier checkpoints still exist.
    """
    path = run.checkpoints / str(name)
    with atomic_stream(path, durable=True) as stream:
        write({**state, "format": FORMAT, "spec": run.id, "step": name.step}, stream)
        size = stream.tell()
    for old in stored(run)[keep:]:
        with contextlib.suppress(FileNotFoundError):
            old.unlink()
    return path, size


def load(path: Path, run: RunDir) -> dict[str, Any]:
    """The state in a checkpoint of this run; raises CheckpointError, also if it belongs to another run."""
    try:
        state = decode(read_regular(path), path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    if state.get("spec") != run.id:
        raise CheckpointError(f"{path} belongs to run {state.get('spec')}, not to {run.id}")
    return state


def newest(run: RunDir, report: Callable[[str], None]) -> tuple[Path, dict[str, Any]] | None:
    """The newest valid checkpoint, or None; `report` is called with the reason for each newer one that is skipped."""
    for path in located(run):
        try:
            return path, load(path, run)
        except CheckpointError as error:
            report(str(error))
    return None


def clean(run: RunDir) -> None:
    """Delete partly written checkpoints of killed processes."""
    for temporary in run.checkpoints.glob(".*.pt.*"):
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def is_newest(run: RunDir, token: tuple[int, int]) -> bool:
    """Whether there is no later attempt or incarnation of the run; a process with an older token must not save."""
    attempts = run.attempts()
    last = attempts[-1] if attempts else None
    if last is None or last.number < token[0]:
        return True
    if last.number > token[0]:
        return False
    incarnations = last.incarnations()
    return not incarnations or incarnations[-1].token <= token


def on_cpu(value: Any, *, copy: bool = False) -> Any:
    """A copy of the containers with all tensors on the CPU, so that a file written on a GPU opens anywhere.

    copy: copy the tensors that are on the CPU already too. Views of the same elements share a copy, so the file of a
    copied state has the same bytes.
    """
    return _moved(value, copy, {})


def _moved(value: Any, copy: bool, copies: dict[tuple[Any, ...], Tensor]) -> Any:
    if isinstance(value, Tensor):
        if value.device.type == "cpu" and not copy:
            return value.detach()
        key = (value.device, value.data_ptr(), value.dtype, value.shape, value.stride())
        if key not in copies:
            copies[key] = value.to("cpu", copy=True)
        return copies[key].detach()
    if isinstance(value, dict):
        return {key: _moved(item, copy, copies) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_moved(item, copy, copies) for item in value)
    return value


def memory(value: Any) -> int:
    """The bytes of all tensors in these containers."""
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, dict | list | tuple):
        return sum(map(memory, value.values() if isinstance(value, dict) else value))
    return 0
