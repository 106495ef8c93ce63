"""Checkpoints: written whole or not at all, verified when read, never another run's.

A checkpoint is what `torch.save` writes, readable by `torch.load(path, weights_only=True)`; the SHA-256 of it stands in
the comment of its zip archive, so that file and digest appear by the same rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attnctl.files import write_atomic
from attnctl.workspace.checkpoints import COMMENT, KEPT, MARK, Name, stored
from attnctl.workspace.layout import RunDir

__all__ = [
    "KEPT",
    "CheckpointError",
    "Name",
    "clean",
    "decode",
    "encode",
    "is_newest",
    "load",
    "newest",
    "on_cpu",
    "save",
    "stored",
]

FORMAT = 1
"""Version of the content; a reader refuses newer ones."""


class CheckpointError(ValueError):
    """A file that is no usable checkpoint of this run; the message says which file and why."""


def encode(state: dict[str, Any]) -> bytes:
    """A state of tensors, numbers, texts and containers of these, as a checkpoint's bytes."""
    stream = io.BytesIO()
    torch.save(state, stream)
    archive = stream.getvalue()
    digest = hashlib.sha256(archive).hexdigest().encode()
    # The last two bytes of a zip archive are the length of its comment, 0 until now (APPNOTE.TXT, 4.3.16).
    return b"".join((archive[:-2], COMMENT.to_bytes(2, "little"), MARK, digest))


def decode(data: bytes, source: object) -> dict[str, Any]:
    """The state that `encode` gave, on the CPU; raises CheckpointError naming `source`."""
    end = len(data) - COMMENT
    if not data[end:].startswith(MARK) or end < 2:
        raise CheckpointError(f"{source} is truncated or no checkpoint")
    digest = hashlib.sha256(memoryview(data)[: end - 2])
    digest.update(b"\0\0")
    if digest.hexdigest().encode() != data[end + len(MARK) :]:
        raise CheckpointError(f"{source} is damaged: its digest does not match")
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a pickle that is none raises nearly every type there is
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f"{source} cannot be read by this torch: {words[0]}") from error
    if not isinstance(state, dict) or type(state.get("format")) is not int:
        raise CheckpointError(f"{source} is no checkpoint of attnctl")
    if state["format"] > FORMAT:
        raise CheckpointError(f"{source} was written by a newer release (format {state['format']}, ours is {FORMAT})")
    return state


def save(run: RunDir, name: Name, state: dict[str, Any], keep: int = KEPT) -> tuple[Path, int]:
    """Write a checkpoint durably, then remove all but the `keep` newest; gives its path and its bytes.

    Raises OSError; then what was there before is still there.
    """
    data = encode({**state, "format": FORMAT, "spec": run.id, "step": name.step})
    path = run.checkpoints / str(name)
    write_atomic(path, data, durable=True)
    for old in stored(run)[keep:]:
        with contextlib.suppress(FileNotFoundError):
            old.unlink()
    return path, len(data)


def load(path: Path, run: RunDir) -> dict[str, Any]:
    """The state in one checkpoint of this run; raises CheckpointError, also for another run's."""
    try:
        state = decode(path.read_bytes(), path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    if state.get("spec") != run.id:
        raise CheckpointError(f"{path} belongs to run {state.get('spec')}, not to {run.id}")
    return state


def newest(run: RunDir, refused: Callable[[str], None]) -> tuple[Path, dict[str, Any]] | None:
    """The newest good checkpoint; `refused` is told why each newer one was not taken. None when there is none."""
    for path in stored(run):
        try:
            return path, load(path, run)
        except CheckpointError as error:
            refused(str(error))
    return None


def clean(run: RunDir) -> None:
    """Remove what writers that were killed left half-written."""
    for aside in run.checkpoints.glob(".*.pt.*"):
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()


def is_newest(run: RunDir, token: tuple[int, int]) -> bool:
    """Whether no later attempt or incarnation of the run exists: one with a lower token must not save any more."""
    attempts = run.attempts()
    last = attempts[-1] if attempts else None
    if last is None or last.number < token[0]:
        return True
    if last.number > token[0]:
        return False
    incarnations = last.incarnations()
    return not incarnations or incarnations[-1].token <= token


def on_cpu(value: Any) -> Any:
    """The same containers with every tensor on the CPU, so that a file written on a GPU opens anywhere."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_cpu(item) for item in value)
    return value
