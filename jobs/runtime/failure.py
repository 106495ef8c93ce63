"""How far a rank came, and how it ended, for its exit record. No torch here: a rank that lacks it has to say so."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

_TAIL = 20
"""Lines of a traceback that an exit record holds; the log has all."""


@dataclass
class Position:
    """How far the run is, for whoever writes its exit record. step: optimizer steps done; began: at this start."""

    step: int = 0
    began: int = 0


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An exception as an exit record tells it. secondary: another rank's end is the cause."""

    outcome: str
    message: str
    traceback: str = ""
    secondary: bool = False


def code_error(error: BaseException) -> Failure:
    """An exception that is no special one: its type, its first line, and the end of its traceback."""
    lines = str(error).strip().splitlines()
    trace = "".join(traceback.format_exception(error)).splitlines()[-_TAIL:]
    return Failure(
        outcome="error",
        message=f"{type(error).__name__}: {lines[0][:500] if lines else 'no message'}",
        traceback="\n".join(trace),
    )
