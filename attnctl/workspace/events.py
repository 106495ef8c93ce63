"""The event log of an incarnation, and the one place where its events are folded into a summary.

The index and the supervisor of local runs read a log incrementally (`read`); callers that only need to know how an
attempt ended read its beginning and its end (`read_ends`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from attnctl.files import open_regular, regular_descriptor
from attnctl.workspace import untrusted_json
from attnctl.workspace.records import Event, read_events

BLOCK = 1 << 23
"""Bytes of a log per read."""

TAIL = 64
"""Bytes before the offset that identify the log: they contain a time in microseconds, so no two logs share them."""

_LEAST = 1 << 12
"""Bytes per read where the log has grown meanwhile."""

_AT_THE_ENDS = 1 << 16
_LAST = 2048
_LONGEST = 4096
_CHECKPOINT = b'"kind": "checkpoint"'
_UNDER_WAY = {Event.PROGRESS, Event.METRICS, Event.CHECKPOINT}


class Replaced(Exception):  # noqa: N818 (not an error: the reader starts over)
    """The log is not the one read before: it is shorter, or the bytes before the offset differ."""


@dataclass(frozen=True)
class Evaluation:
    """One metrics event. values: metric name to a finite number; at: Unix seconds, if recorded."""

    step: int
    epoch: int
    values: dict[str, float]
    at: float | None = None


@dataclass
class Summary:
    """The summary of one incarnation's events. None: not recorded (yet). Times are Unix seconds."""

    started: float | None = None
    """Time of the first event."""
    heartbeat: float | None = None
    """Time of the last event."""
    began: int = 0
    """Step that it resumed from."""
    lost: int | None = None
    """Step of an earlier checkpoint that was gone, so that the run started over."""
    step: int | None = None
    steps: int | None = None
    """Steps of the whole training."""
    saved: int = 0
    """Step of the newest checkpoint; 0 before the first."""
    saved_at: float | None = None
    loss: float | None = None
    images_per_s: float | None = None
    waited: float | None = None
    """The part of the time in which it waited for data, from 0 to 1."""
    cores: float | None = None
    """The cores that its first process kept busy."""
    used: dict[str, float] = field(default_factory=dict)
    """What its first process and its devices used, as in an exit record."""
    params: int | None = None
    macs: int | None = None
    world: int | None = None
    device: str | None = None
    threads: int | None = None
    outcome: str | None = None

    def take(self, event: Mapping[str, Any]) -> Evaluation | None:
        """Add one event; return its evaluation, if it is a metrics event. Values of a wrong type are ignored."""
        moment, step, kind = event.get("t"), event.get("step"), event["kind"]
        at = float(moment) if is_number(moment) else None
        if at is not None:
            self.started = at if self.started is None else self.started
            self.heartbeat = at if self.heartbeat is None else max(at, self.heartbeat)
        # The event of a checkpoint comes when it is written, and the training has advanced meanwhile.
        if is_integer(step) and not (kind == Event.CHECKPOINT and self.step is not None and step < self.step):
            self.step = step
        if kind == Event.PROGRESS:  # most events are
            self._numbers(event, "loss", "images_per_s", "waited", "cores")
            if isinstance(used := event.get("used"), dict):
                self.used = {name: float(value) for name, value in used.items() if is_number(value)}
        elif kind == Event.METRICS:
            return self._measured(event, at)
        elif kind == Event.MODEL:
            self._described(event)
        elif kind == Event.RESUMED and is_integer(step):
            self.began = step
        elif kind == Event.RESTARTED and is_integer(event.get("lost")):
            self.lost = event["lost"]
        elif kind == Event.CHECKPOINT and is_integer(step) and step >= self.saved:
            self.saved, self.saved_at = step, at
        elif kind == Event.END and isinstance(event.get("outcome"), str):
            self.outcome = event["outcome"]
        return None

    def _measured(self, event: Mapping[str, Any], at: float | None) -> Evaluation | None:
        step, epoch, values = event.get("step"), event.get("epoch"), event.get("values")
        if not (is_integer(step) and is_integer(epoch) and isinstance(values, dict)):
            return None
        self._numbers(values, "images_per_s")
        return Evaluation(step, epoch, {name: float(value) for name, value in values.items() if is_number(value)}, at)

    def _numbers(self, values: Mapping[str, Any], *names: str) -> None:
        for name in names:
            value = values.get(name)
            if type(value) is float and isfinite(value):  # as nearly all are
                setattr(self, name, value)
            elif value is not None and is_number(value):
                setattr(self, name, float(value))

    def _described(self, event: Mapping[str, Any]) -> None:
        for name in ("params", "macs", "steps", "world", "threads"):
            if is_integer(value := event.get(name)):
                setattr(self, name, value)
        if isinstance(event.get("device"), str):
            self.device = event["device"]


COLUMNS = tuple(name for name in Summary.__dataclass_fields__ if name not in {"began", "saved", "saved_at", "used"})
"""The fields of a Summary that the index stores, in `attnctl.db.schema.incarnation`."""


@dataclass
class Log:
    """The state of an incremental read: offset and summary. machine: text fields of env.json, once read."""

    offset: int = 0
    tail: bytes = b""
    summary: Summary = field(default_factory=Summary)
    machine: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """The known values of the incarnation, by column of `attnctl.db.schema.incarnation`."""
        values = {name: getattr(self.summary, name) for name in COLUMNS}
        return {name: value for name, value in values.items() if value is not None} | dict(self.machine)


def read(path: Path, log: Log) -> Iterator[list[Evaluation]]:
    """Read what was appended since the last call, update `log`, and yield the new evaluations block by block.

    An incomplete last line is left for the next call. Raises Replaced or OSError; a missing new file is not an error.
    """
    try:
        stream = open_regular(path)
    except FileNotFoundError:
        if log.offset:
            raise Replaced from None
        return
    with stream:
        size = os.fstat(stream.fileno()).st_size
        if size < log.offset:
            raise Replaced
        if log.offset:
            stream.seek(log.offset - len(log.tail))
            if stream.read(len(log.tail)) != log.tail:
                raise Replaced
        rest = b""
        while block := stream.read(min(BLOCK, max(size - log.offset, _LEAST))):
            data = rest + block
            end = data.rfind(b"\n") + 1
            if end:
                log.offset += end
                log.tail = (log.tail + data[max(0, end - TAIL) : end])[-TAIL:]
                evaluations = map(log.summary.take, _events(data[:end]))
                yield [evaluation for evaluation in evaluations if evaluation is not None]
            rest = data[end:]


def ends_at(path: str, offset: int, tail: bytes) -> bool:
    """Whether a log ends where it was read to. offset, tail: as `Log` has them.

    It is opened, not only looked up: over NFS only that asks the server for the size (nfs(5), close-to-open).
    """
    try:
        descriptor, size = regular_descriptor(path)
    except OSError:
        return False
    try:
        return size == offset and os.pread(descriptor, len(tail), offset - len(tail)) == tail
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _events(data: bytes) -> Iterable[dict[str, Any]]:
    """The events in complete lines, parsed as one array (twice as fast) unless a line is damaged."""
    lines = data.split(b"\n")
    lines.pop()
    try:
        documents = untrusted_json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        documents = []
    if len(documents) != len(lines):
        return read_events(data)
    return (event for event in documents if isinstance(event, dict) and isinstance(event.get("kind"), str))


def read_ends(path: Path) -> Summary:
    """The summary of a log's first events, up to the first step, and its last ones, from the newest checkpoint on.

    The summary is empty when the log is missing or unreadable.
    """
    summary = Summary()
    with contextlib.suppress(OSError), open_regular(path) as stream:
        for event in read_events(stream.read(_AT_THE_ENDS)):
            summary.take(event)
            if event["kind"] in _UNDER_WAY:
                break
        for line in _ending(stream):
            for event in read_events(line):
                summary.take(event)
    return summary


def _ending(stream: BinaryIO) -> list[bytes]:
    """The line of the last checkpoint event, if there is one, and the last lines of the log."""
    position, data, mark = stream.seek(0, os.SEEK_END), b"", -1
    while position > 0 and mark < 0:
        start = max(0, position - _AT_THE_ENDS)
        stream.seek(start)
        block = stream.read(position - start)
        data, position = block + data, start
        mark = data.rfind(_CHECKPOINT, 0, len(block) + _LONGEST)
        if mark >= 0 and data.rfind(b"\n", 0, mark) < 0 and start:
            mark = -1  # its line begins in an earlier block
    last = data[max(0, len(data) - _LAST) :].split(b"\n")[1:] if len(data) > _LAST else data.split(b"\n")
    if mark < 0:
        return last
    return [data[data.rfind(b"\n", 0, mark) + 1 :].split(b"\n", 1)[0], *last]


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a finite number that fits a column; booleans are not."""
    return (type(value) is float and isfinite(value)) or is_integer(value)


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether a value is an integer that fits SQLite's 64 bits."""
    return type(value) is int and -(1 << 63) <= value < 1 << 63
