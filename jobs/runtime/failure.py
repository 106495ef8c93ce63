"""What a rank writes into its exit record. Does not import torch: a rank without torch has to write one too."""

from __future__ import annotations

import re
import socket
import sys
import traceback
from dataclasses import dataclass, field, replace

from attnctl.jobs.runtime.usage import UsageRecorder

_TAIL = 20
"""Lines of the traceback in an exit record; the log contains all of it."""


_NO_LIBRARY = re.compile(r"cannot open shared object file|DLL load failed")


@dataclass
class Position:
    """The progress of the run and what it uses, for its exit record.

    step: optimizer steps done; began: those done before this start.
    """

    step: int = 0
    began: int = 0
    usage: UsageRecorder = field(default_factory=UsageRecorder)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An exception in the form of an exit record. secondary: it was caused by the failure of another rank."""

    outcome: str
    message: str
    traceback: str = ""
    secondary: bool = False


def environment_missing(error: BaseException) -> Failure | None:
    """The failure if a package, or a library that one needs, is not installed for this Python; None for other errors.

    Imports from a package that is there, such as a name that its version lacks, are errors of the code.
    """
    absent = isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("attnctl.")
    if not absent and not (isinstance(error, ImportError) and _NO_LIBRARY.search(str(error))):
        return None
    plain = code_error(error)
    message = f"{str(error).splitlines()[0]}, in {sys.executable} on {socket.gethostname()}"
    return replace(plain, outcome="environment missing", message=message)


def code_error(error: BaseException) -> Failure:
    """The failure for an exception without a class of its own: its type, first line, and the end of its traceback."""
    lines = str(error).strip().splitlines()
    trace = "".join(traceback.format_exception(error)).splitlines()[-_TAIL:]
    return Failure(
        outcome="error",
        message=f"{type(error).__name__}: {lines[0][:500] if lines else 'no message'}",
        traceback="\n".join(trace),
    )
