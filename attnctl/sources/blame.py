"""An error in a user's file, in one line with the place in the file as the user has it."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from attnctl.sources.importing import running


def words(error: BaseException) -> str:
    """Such as `mine.py:12: MyAttention.__init__ raises ValueError: no`; without a place where none of theirs ran."""
    message = f"{type(error).__name__}: {_first_line(error)}"
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        origin = _origin(Path(frame.f_code.co_filename))
        if origin is not None:
            function = frame.f_code.co_qualname
            what = f"{function} raises {message}" if function != "<module>" else message
            return f"{origin}:{line}: {what}"
    return message


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"


def _origin(file: Path) -> str | None:
    """The user's own file that this one is, or is the kept copy of, as seen from here; None when it is none."""
    for source in running():
        if file.is_relative_to(source.base):
            origin = source.origin / file.relative_to(source.base)
            return os.path.relpath(origin) if origin.is_relative_to(Path.cwd()) else str(origin)
    return None
