"""One-line messages for errors in users' code, with the line in the user's file."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from attnctl.sources.importing import running


def describe(error: BaseException) -> str:
    """A message such as `mine.py:12: MyAttention.__init__ raises ValueError: no`.

    It has no file and line if none of the traceback is in a user's file.
    """
    message = f"{type(error).__name__}: {_first_line(error)}"
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        origin = _origin(Path(frame.f_code.co_filename))
        if origin is not None:
            function = frame.f_code.co_qualname
            statement = f"{function} raises {message}" if function != "<module>" else message
            return f"{origin}:{line}: {statement}"
    return message


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines()]
    if len(lines) > 1 and lines[0].endswith(":"):  # as torch's "Error(s) in loading state_dict for Net:"
        return f"{lines[0]} {lines[1]}"
    return lines[0] if lines else "no message"


def _origin(file: Path) -> str | None:
    """The user's file for a file or its stored copy, relative to the current folder; None for any other file."""
    for source in running():
        if file.is_relative_to(source.base):
            origin = source.origin / file.relative_to(source.base)
            return os.path.relpath(origin) if origin.is_relative_to(Path.cwd()) else str(origin)
    return None
