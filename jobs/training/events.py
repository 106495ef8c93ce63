"""The event log of a run: one JSON object per line, appended by rank 0. See `attnctl.workspace.records.Event`."""

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
    """Appends events. Each line is a single write to a file opened for appending, so at most the last one is torn.

    While the disk is full, events other than progress are kept in memory and written with the next one.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        self._unwritten = b""

    def write(self, kind: str, **values: Any) -> None:
        """Append one event with the current time. Raises OSError unless the disk is full."""
        if self._unwritten and kind == Event.PROGRESS:
            self._flush()
            return
        self._unwritten += json.dumps({"kind": kind, "t": time.time(), **values}, allow_nan=False).encode() + b"\n"
        self._flush()

    def sync(self) -> None:
        """Make all events survive a power failure; called before a checkpoint that relies on them. Raises OSError."""
        self.flush()
        self.fsync()

    def flush(self) -> None:
        """Write the events that are still in memory. Raises OSError if there is no space for them."""
        self._flush()
        if self._unwritten:
            raise OSError(errno.ENOSPC, "No space left for the events")

    def fsync(self) -> None:
        """The second half of `sync`, which may run in another thread. Raises OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Write the remaining events and close the file. Raises OSError."""
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
