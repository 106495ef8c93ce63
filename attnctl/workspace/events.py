"""The event log of an incarnation, and the one fold of its events: what they come to, whoever reads them.

The index reads on where it ended (`read`), and so does the supervisor of runs on this machine; who only wants to know
how an attempt ended reads the begin and the end (`read_ends`).
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from attnctl.workspace import untrusted_json
from attnctl.workspace.records import Event, read_events

BLOCK = 1 << 23
"""Bytes of a log read at once."""

TAIL = 64
"""Bytes kept from before the offset. They hold a time to the microsecond, so no other log has the same."""

_AT_THE_ENDS = 1 << 16
_LAST = 2048
_LONGEST = 4096
_CHECKPOINT = b'"kind": "checkpoint"'
_UNDER_WAY = {Event.PROGRESS, Event.METRICS, Event.CHECKPOINT}


class Replaced(Exception):  # noqa: N818 (no error: it only says to begin anew)
    """The log is not the one that was read: shorter, or other bytes before the offset."""


@dataclass(frozen=True)
class Evaluation:
    """One metrics event. values: name to a finite number; at: when, in Unix seconds, if it says so."""

    step: int
    epoch: int
    values: dict[str, float]
    at: float | None = None


@dataclass
class Summary:
    """What the events of one incarnation come to. None: they do not say, or not yet. Times are Unix seconds."""

    started: float | None = None
    """The first event."""
    heartbeat: float | None = None
    """The last event."""
    began: int = 0
    """The step from which it resumed."""
    step: int | None = None
    steps: int | None = None
    """Of the whole training."""
    saved: int = 0
    """The step of the newest checkpoint; 0 before the first."""
    saved_at: float | None = None
    loss: float | None = None
    images_per_s: float | None = None
    params: int | None = None
    macs: int | None = None
    world: int | None = None
    device: str | None = None
    threads: int | None = None
    outcome: str | None = None

    def take(self, event: Mapping[str, Any]) -> Evaluation | None:
        """Take in one event; gives what it measured, if it did. A value of another type is left out."""
        moment, step, kind = event.get("t"), event.get("step"), event["kind"]
        at = float(moment) if is_number(moment) else None
        if at is not None:
            self.started = at if self.started is None else self.started
            self.heartbeat = at if self.heartbeat is None else max(at, self.heartbeat)
        if is_whole(step):
            self.step = step
        if kind == Event.METRICS:
            return self._measured(event, at)
        if kind == Event.PROGRESS:
            self._numbers(event, "loss", "images_per_s")
        elif kind == Event.MODEL:
            self._described(event)
        elif kind == Event.RESUMED and is_whole(step):
            self.began = step
        elif kind == Event.CHECKPOINT and is_whole(step) and step >= self.saved:
            self.saved, self.saved_at = step, at
        elif kind == Event.END and isinstance(event.get("outcome"), str):
            self.outcome = event["outcome"]
        return None

    def _measured(self, event: Mapping[str, Any], at: float | None) -> Evaluation | None:
        step, epoch, values = event.get("step"), event.get("epoch"), event.get("values")
        if not (is_whole(step) and is_whole(epoch) and isinstance(values, dict)):
            return None
        self._numbers(values, "images_per_s")
        return Evaluation(step, epoch, {name: float(value) for name, value in values.items() if is_number(value)}, at)

    def _numbers(self, values: Mapping[str, Any], *names: str) -> None:
        for name in names:
            if is_number(value := values.get(name)):
                setattr(self, name, float(value))

    def _described(self, event: Mapping[str, Any]) -> None:
        for name in ("params", "macs", "steps", "world", "threads"):
            if is_whole(value := event.get(name)):
                setattr(self, name, value)
        if isinstance(event.get("device"), str):
            self.device = event["device"]


COLUMNS = tuple(name for name in Summary.__dataclass_fields__ if name not in {"began", "saved", "saved_at"})
"""The fields of a Summary that the index keeps, in `attnctl.db.schema.incarnation`."""


@dataclass
class Log:
    """A log that is read on and on: how far it was read, and what it says. machine: texts of env.json, once read."""

    offset: int = 0
    tail: bytes = b""
    summary: Summary = field(default_factory=Summary)
    machine: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """What is known of the incarnation, by the column of `attnctl.db.schema.incarnation`."""
        told = {name: getattr(self.summary, name) for name in COLUMNS}
        return {name: value for name, value in told.items() if value is not None} | dict(self.machine)


def read(path: Path, log: Log) -> Iterator[list[Evaluation]]:
    """Take in what was appended, and move `log` on; gives the evaluations, a block at a time.

    A torn last line is left for the next time. Raises Replaced, and OSError (but nothing when there is no file yet).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        if log.offset:
            raise Replaced from None
        return
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        if os.fstat(descriptor).st_size < log.offset:
            raise Replaced
        if log.offset:
            stream.seek(log.offset - len(log.tail))
            if stream.read(len(log.tail)) != log.tail:
                raise Replaced
        rest = b""
        while block := stream.read(BLOCK):
            data = rest + block
            end = data.rfind(b"\n") + 1
            if end:
                log.offset += end
                log.tail = (log.tail + data[max(0, end - TAIL) : end])[-TAIL:]
                taken = map(log.summary.take, _events(data[:end]))
                yield [evaluation for evaluation in taken if evaluation is not None]
            rest = data[end:]


def _events(data: bytes) -> Iterable[dict[str, Any]]:
    """The events in whole lines: parsed as one array, which is twice as fast, unless a line of them is broken."""
    lines = data.split(b"\n")
    lines.pop()
    try:
        found = untrusted_json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        found = []
    if len(found) != len(lines):
        return read_events(data)
    return (event for event in found if isinstance(event, dict) and isinstance(event.get("kind"), str))


def read_ends(path: Path) -> Summary:
    """What the first events of a log say, up to the first step, and the last, from its newest checkpoint on.

    An empty summary when there is no log, or it cannot be read.
    """
    summary = Summary()
    with contextlib.suppress(OSError), path.open("rb") as stream:
        for event in read_events(stream.read(_AT_THE_ENDS)):
            summary.take(event)
            if event["kind"] in _UNDER_WAY:
                break
        for line in _ending(stream):
            for event in read_events(line):
                summary.take(event)
    return summary


def _ending(stream: BinaryIO) -> list[bytes]:
    """The line of the last checkpoint, if there is one, and the last lines of the log."""
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
    """A finite number that a column can hold; true and false are none."""
    return (type(value) is float and math.isfinite(value)) or is_whole(value)


def is_whole(value: Any) -> TypeGuard[int]:
    """A whole number that fits SQLite's 64 bits."""
    return type(value) is int and -(1 << 63) <= value < 1 << 63
