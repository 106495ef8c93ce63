"""Reading an events.jsonl from where the last reading ended."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from attnctl.workspace import untrusted_json
from attnctl.workspace.records import Event, read_events

BLOCK = 1 << 23
"""Bytes of a log read at once."""

TAIL = 64
"""Bytes kept from before the offset. They hold a time to the microsecond, so no other log has the same."""

_REAL = {"loss", "images_per_s"}
_WHOLE = {"params", "macs", "steps", "world", "threads"}


class Replaced(Exception):  # noqa: N818 (no error: it only says to begin anew)
    """The log is not the one that was read: shorter, or other bytes before the offset."""


@dataclass
class Log:
    """What is known of one log: how far it was read, and what it says of its incarnation."""

    offset: int = 0
    tail: bytes = b""
    values: dict[str, Any] = field(default_factory=dict)
    """Columns of `attnctl.db.schema.incarnation`: started, heartbeat, step, steps, loss, params, outcome ..."""


@dataclass(frozen=True)
class Evaluation:
    """One metrics event. values: name to a finite number; at: when, in Unix seconds, if it says so."""

    step: int
    epoch: int
    values: dict[str, float]
    at: float | None = None


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
                yield _take(_events(data[:end]), log.values)
            rest = data[end:]


def _events(data: bytes) -> Iterator[dict[str, Any]]:
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


def _take(events: Iterator[dict[str, Any]], values: dict[str, Any]) -> list[Evaluation]:
    evaluations = []
    for event in events:
        moment = event.get("t")
        if is_number(moment):
            values.setdefault("started", float(moment))
            values["heartbeat"] = max(float(moment), values.get("heartbeat", 0.0))
        step = event.get("step")
        if is_whole(step):
            values["step"] = step
        kind = event["kind"]
        if kind == Event.METRICS:
            found = _evaluation(event)
            if found is not None:
                evaluations.append(found)
                if "images_per_s" in found.values:
                    values["images_per_s"] = found.values["images_per_s"]
        elif kind == Event.PROGRESS:
            values.update((name, float(event[name])) for name in _REAL if is_number(event.get(name)))
        elif kind == Event.MODEL:
            values.update((name, event[name]) for name in _WHOLE if is_whole(event.get(name)))
            if isinstance(event.get("device"), str):
                values["device"] = event["device"]
        elif kind == Event.END and isinstance(event.get("outcome"), str):
            values["outcome"] = event["outcome"]
    return evaluations


def _evaluation(event: dict[str, Any]) -> Evaluation | None:
    step, epoch, values = event.get("step"), event.get("epoch"), event.get("values")
    if not (is_whole(step) and is_whole(epoch) and isinstance(values, dict)):
        return None
    moment = event.get("t")
    return Evaluation(
        step,
        epoch,
        {name: float(value) for name, value in values.items() if is_number(value)},
        float(moment) if is_number(moment) else None,
    )


def is_number(value: Any) -> TypeGuard[int | float]:
    """A finite number that a column can hold; true and false are none."""
    return (type(value) is float and math.isfinite(value)) or is_whole(value)


def is_whole(value: Any) -> TypeGuard[int]:
    """A whole number that fits SQLite's 64 bits."""
    return type(value) is int and -(1 << 63) <= value < 1 << 63
