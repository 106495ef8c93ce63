"""The event log of a run: one JSON object a line, appended whole by rank 0. See `attnctl.workspace.records.Event`."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import Any

from attnctl.jobs.runtime import disk_full
from attnctl.workspace.records import Event


class EventLog:
    """Appends events: every line is one write to a file opened for appending, so a reader sees at most one torn.

    While the disk is full they are kept in memory, but for those of progress, and written with the next.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        self._unwritten = b""

    def write(self, kind: str, **values: Any) -> None:
        """Append one event, with the time. Raises OSError, but for a full disk."""
        if self._unwritten and kind == Event.PROGRESS:
            self._flush()
            return
        self._unwritten += json.dumps({"kind": kind, "t": time.time(), **values}, allow_nan=False).encode() + b"\n"
        self._flush()

    def sync(self) -> None:
        """Make all events survive a power cut: before a checkpoint that relies on it. Raises OSError."""
        self._flush()
        if self._unwritten:
            raise OSError(errno.ENOSPC, "No space left for the events")
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file, once all is in it. Raises OSError."""
        if self._unwritten:
            disk_full.retry_while_disk_full(self.sync)
        os.close(self._descriptor)

    def _flush(self) -> None:
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]
        except OSError as error:
            if not disk_full.is_full(error):
                raise
