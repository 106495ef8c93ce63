"""Keeps the memory that torch frees on a CPU, so that the next step need not ask the operating system for it again.

glibc returns large blocks when they are freed, and the kernel clears each page that it hands out: up to a tenth of a
step's time. No computed value changes, and the peak of the process's memory changes by 2 % at most
(benchmarks/joint_forward.py).
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt(3); their environment variables would also act on loader processes."""
_KEPT = 1 << 30
"""Bytes: blocks up to this size come from the heap, of which so much stays when it is free."""


def keep_freed_memory() -> bool:
    """Keep freed memory for the rest of this process; returns whether its C library can."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return False
    return all([mallopt(_MMAP_THRESHOLD, _KEPT), mallopt(_TRIM_THRESHOLD, _KEPT)])
