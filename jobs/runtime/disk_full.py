"""A full disk or a spent quota: both are often mended within minutes, and no training need end by them."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds for which space is waited for."""

EXIT_CODE = 74
"""Of a process that could not even write its exit record; EX_IOERR of sysexits.h. `lifecycle/state.py` knows it."""

_BETWEEN = 1.0

log = logging.getLogger(__name__)


def is_full(error: BaseException) -> bool:
    """Whether something could not be written for want of space."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def retry_while_disk_full(
    write: Callable[[], T], given_up: Callable[[], object] = lambda: None, patience: float = PATIENCE
) -> T:
    """What `write` gives, tried again while there is no space. given_up: asked while waiting; true ends it.

    Raises OSError: any other at once, that of a full disk in the end; and what given_up raises.
    """
    end: float | None = None
    while True:
        try:
            return write()
        except OSError as error:
            if not is_full(error):
                raise
            if end is None:
                end = time.monotonic() + patience
                log.warning("waiting for space: %s", error)
            if given_up() or time.monotonic() > end:
                raise
        time.sleep(_BETWEEN)
