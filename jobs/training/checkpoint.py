"""Checkpoints: written completely or not at all, verified when read, and tied to their run.

A checkpoint is written by `torch.save` and readable by `torch.load(path, weights_only=True)`. Its SHA-256 is in the
comment of the zip archive, so that the file and its digest appear by the same rename.
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

from attnctl.files import read_regular, write_atomic
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
    "newest",
    "on_cpu",
    "save",
    "stored",
]

FORMAT = 1
"""Version of the content; newer versions cannot be read."""


class CheckpointError(ValueError):
    """The file is not a usable checkpoint of this run; the message contains its path and the reason."""


def encode(state: dict[str, Any]) -> bytes:
    """A state of tensors, numbers, strings and containers of these, as the bytes of a checkpoint file."""
    stream = io.BytesIO()
    torch.save(state, stream)
    archive = stream.getvalue()
    digest = hashlib.sha256(archive).hexdigest().encode()
    # The last two bytes of a zip archive are the length of its comment, so far 0 (APPNOTE.TXT, 4.3.16).
    return b"".join((archive[:-2], COMMENT.to_bytes(2, "little"), MARK, digest))


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
    data = encode({**state, "format": FORMAT, "spec": run.id, "step": name.step})
    path = run.checkpoints / str(name)
    write_atomic(path, data, durable=True)
    for old in stored(run)[keep:]:
        with contextlib.suppress(FileNotFoundError):
            old.unlink()
    return path, len(data)


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


def on_cpu(value: Any) -> Any:
    """A copy of the containers with all tensors on the CPU, so that a file written on a GPU opens anywhere."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_cpu(item) for item in value)
    return value
