"""References to a class or function in a user's file: `./mine.py:MyAttention`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attnctl.values import SpecError

_SUFFIX = ".py"


@dataclass(frozen=True)
class Reference:
    """A parsed reference. text: as typed; attribute: the class or function, empty if not given."""

    text: str
    file: Path
    attribute: str


def is_reference(text: str) -> bool:
    """Whether a name refers to a user's file: `mine.py:Gate`, `./mine.py`, `nets/mine.py:Gate`."""
    return text.partition(":")[0].endswith(_SUFFIX) or "/" in text


def parse(text: str, kind: str, example: str) -> Reference:
    """Parse a reference; raises SpecError when the file does not exist. kind, example: for the message."""
    path, _, attribute = text.rpartition(":") if f"{_SUFFIX}:" in text else (text, "", "")
    file = Path(path).expanduser()
    if file.suffix != _SUFFIX or "\0" in text:
        raise SpecError(f"{kind} {text!r} must be a Python file and a name in it, such as {example}")
    try:
        exists, folder = file.is_file(), file.is_dir()
    except OSError as error:  # the name is too long, or the folder is not readable
        raise SpecError(f"{kind} {text!r}: {error.strerror}") from error
    if not exists:
        raise SpecError(f"{kind} {text!r}: {f'{path} is a folder' if folder else f'there is no file {path}'}")
    return Reference(text, file, attribute)
