"""What a rank writes into its exit record. Does not import torch: a rank without torch has to write one too."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

_TAIL = 20
"""Lines of the traceback in an exit record; the log contains all of it."""


@dataclass
class Position:
    """The progress of the run, for its exit record. step: optimizer steps done; began: those done before this start."""

    step: int = 0
    began: int = 0


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An exception in the form of an exit record. secondary: it was caused by the failure of another rank."""

    outcome: str
    message: str
    traceback: str = ""
    secondary: bool = False


def code_error(error: BaseException) -> Failure:
    """The failure for an exception without a class of its own: its type, first line, and the end of its traceback."""
    lines = str(error).strip().splitlines()
    trace = "".join(traceback.format_exception(error)).splitlines()[-_TAIL:]
    return Failure(
        outcome="error",
        message=f"{type(error).__name__}: {lines[0][:500] if lines else 'no message'}",
        traceback="\n".join(trace),
    )
