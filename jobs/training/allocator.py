"""Keeps the memory that torch frees on a CPU, so that the next step need not ask the operating system for it again.

glibc returns large blocks when they are freed, and the kernel clears each page that it hands out: about 5 % of a step's
time (benchmarks/joint_forward.py). No computed value changes.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt(3); their environment variables would also act on loader processes."""
_KEPT = 1 << 30
"""Bytes: blocks up to this size come from the heap, of which so much stays when it is free."""
_LARGEST_BEFORE_2_35 = 32 << 20
"""Bytes: a higher threshold is refused by glibc before 2.35."""


def keep_freed_memory() -> bool:
    """Keep freed memory for the rest of this process; returns whether its C library can."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return False
    from_heap = mallopt(_MMAP_THRESHOLD, _KEPT) or mallopt(_MMAP_THRESHOLD, _LARGEST_BEFORE_2_35)
    return bool(from_heap and mallopt(_TRIM_THRESHOLD, _KEPT))
