"""What the user has trusted: which settings files may run and send what they name, by path and content.

    <state folder of the user>/trusted/<digest of the path>.json     Trusted

The state folder is ~/.local/state/attnctl, or below XDG_STATE_HOME. Only its user may be able to write it; otherwise
nothing is trusted.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attnctl.files import own_folder, write_atomic
from attnctl.settings import acting
from attnctl.settings.acting import ActingSetting
from attnctl.values import SpecError
from attnctl.workspace.records import Record, RecordError


@dataclass(frozen=True, kw_only=True)
class Trusted(Record):
    """A settings file that the user trusts. content: digest of the whole file; acting: of what acts in it."""

    path: str
    content: str
    acting: str
    at: float


def content_digest(content: bytes) -> str:
    """The digest of a file's content."""
    return hashlib.sha256(content).hexdigest()


def accept(file: Path, content: bytes, settings: Sequence[ActingSetting]) -> None:
    """Trust a file with this content, instead of an earlier one. Raises SpecError when that cannot be recorded."""
    record = Trusted(path=_name(file), content=content_digest(content), acting=acting.digest(settings), at=time.time())
    try:
        own_folder(_folder())
        write_atomic(_record(file), record.encode(), mode=0o600)
    except OSError as error:
        raise SpecError(f"cannot record that {file} is trusted: {error.filename}: {error.strerror}") from error


def revoke(file: Path) -> bool:
    """Trust a file no longer; returns whether it was trusted, with whatever content."""
    try:
        _record(file).unlink()
    except FileNotFoundError:
        return False
    return True


def is_recorded(file: Path) -> bool:
    """Whether the user has trusted the file with some content."""
    return _read(file) is not None


def knows(file: Path, content: bytes) -> bool:
    """Whether the user has trusted the file with exactly this content."""
    record = _read(file)
    return record is not None and record.content == content_digest(content)


def allows(file: Path, settings: Sequence[ActingSetting]) -> bool:
    """Whether the user has trusted the file with exactly these acting settings, whatever else has changed in it."""
    record = _read(file)
    return record is not None and record.acting == acting.digest(settings)


def _read(file: Path) -> Trusted | None:
    try:
        status = _folder().lstat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return None
        record = Trusted.read(_record(file))
    except (OSError, RecordError):
        return None
    return record if record is not None and record.path == _name(file) else None


def _folder() -> Path:
    from platformdirs import user_state_path  # takes 12 ms, and only files that act need it

    return user_state_path("attnctl") / "trusted"


def _record(file: Path) -> Path:
    return _folder() / f"{hashlib.sha256(os.fsencode(_name(file))).hexdigest()[:32]}.json"


def _name(file: Path) -> str:
    """The file's path without links in its folders, so that a file has one name."""
    return str(file.parent.resolve() / file.name)
