"""The event log of a run: one JSON object a line, appended whole by rank 0. See `attnctl.records.Event`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


class EventLog:
    """Appends events: every line is one write to a file opened for appending, so a reader sees at most one torn."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def write(self, kind: str, **values: Any) -> None:
        """Append one event, with the time. Raises OSError when the disk is full."""
        line = json.dumps({"kind": kind, "t": time.time(), **values}, allow_nan=False).encode() + b"\n"
        written = os.write(self._descriptor, line)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes of an event could be written: is the disk full?")

    def sync(self) -> None:
        """Make what was written survive a power cut: before a checkpoint that relies on it."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
