"""A time limit for jobs, from the estimated time of their runs."""

from __future__ import annotations

import math
from collections.abc import Iterable

_START = 300.0
"""Seconds that a job may need before its first step and after its last: imports, data, and the checkpoint."""
_MARGIN = 1.25
_STEPS = (10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1080, 1440)
"""Limits in minutes that are proposed; few, so that similar runs share an array."""


def minutes(seconds: float) -> int:
    """The proposed limit in minutes for a run that takes at most so many seconds: with a margin, and a round number."""
    needed = math.ceil((_MARGIN * seconds + _START) / 60)
    return next((step for step in _STEPS if step >= needed), math.ceil(needed / 720) * 720)


def capped(proposed: int, limits: Iterable[int | None]) -> tuple[int, bool]:
    """The limit that the partitions allow, and whether it is less than proposed. limits: in minutes; None for none."""
    known = list(limits)
    if not known or None in known:
        return proposed, False
    most = max(limit for limit in known if limit is not None)
    return min(proposed, most), proposed > most
