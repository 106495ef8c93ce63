"""Waiting while the disk is full or a quota is exceeded: both are often resolved within minutes."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from attnctl.files import NO_SPACE, no_space

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds to wait for free space."""

EXIT_CODE = 74
"""Exit code of a process that could not write even its exit record (EX_IOERR, sysexits.h); see `lifecycle/state.py`."""

_RETRY_INTERVAL = 1.0

waiting_marker: ContextVar[Path | None] = ContextVar("waiting_marker", default=None)
"""The empty file that is there while this process waits, so that the run's state can say so."""

log = logging.getLogger(__name__)


def is_full(error: BaseException) -> bool:
    """Whether the error means that the disk is full or a quota is exceeded. torch's C++ code raises RuntimeErrors."""
    return no_space(error) or (
        isinstance(error, RuntimeError) and any(os.strerror(code) in str(error) for code in NO_SPACE)
    )


def retry_while_disk_full(
    write: Callable[[], T], cancelled: Callable[[], object] = lambda: None, patience: float = PATIENCE
) -> T:
    """Call `write` until there is space, and return its result. cancelled: called while waiting; if true, give up.

    Raises what `write` raises: at once for any other error, and for a full disk after `patience` seconds; and what
    `cancelled` raises.
    """
    end: float | None = None
    while True:
        try:
            written = write()
            if end is not None:
                _mark(waiting=False)
            return written
        except (OSError, RuntimeError) as error:
            if not is_full(error):
                raise
            if end is None:
                end = time.monotonic() + patience
                log.warning("waiting for disk space: %s", error)
            if cancelled() or time.monotonic() > end:
                _mark(waiting=False)
                raise
        _mark(waiting=True)
        time.sleep(_RETRY_INTERVAL)


def _mark(*, waiting: bool) -> None:
    """Make or remove the marker, where that is possible."""
    marker = waiting_marker.get()
    if marker is not None:
        with contextlib.suppress(OSError):
            marker.touch() if waiting else marker.unlink(missing_ok=True)
