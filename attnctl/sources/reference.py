"""The text by which a user names a class or function in a file: `./mine.py:MyAttention`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attnctl.values import SpecError

_SUFFIX = ".py"


@dataclass(frozen=True)
class Reference:
    """text: as typed. attribute: empty when none was named."""

    text: str
    file: Path
    attribute: str


def is_reference(text: str) -> bool:
    """Whether a name on the command line means a file of the user: `mine.py:Gate`, `./mine.py`, `nets/mine.py:Gate`."""
    return text.partition(":")[0].endswith(_SUFFIX) or "/" in text


def parse(text: str, kind: str, example: str) -> Reference:
    """The file and the name in it; raises SpecError when there is no such file. kind: what is looked for, in words."""
    path, _, attribute = text.rpartition(":") if f"{_SUFFIX}:" in text else (text, "", "")
    file = Path(path).expanduser()
    if file.suffix != _SUFFIX or "\0" in text:
        raise SpecError(f"{kind} {text!r} must be a Python file and a name in it, such as {example}")
    try:
        there, folder = file.is_file(), file.is_dir()
    except OSError as error:  # a name that is too long, or a folder that may not be read
        raise SpecError(f"{kind} {text!r}: {error.strerror}") from error
    if not there:
        raise SpecError(f"{kind} {text!r}: {f'{path} is a folder' if folder else f'there is no file {path}'}")
    return Reference(text, file, attribute)
