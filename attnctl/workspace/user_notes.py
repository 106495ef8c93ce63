"""Names, tags and notes that users give to runs and sweeps: a file for each, in `annotations/` of the workspace."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from attnctl.files import write_atomic
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Record

_TAG = re.compile(r"[^\W_][\w.+:-]{0,49}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_DIGITS = re.compile(r"[0-9a-f]*")
_LONGEST_NOTE = 2000


@dataclass(frozen=True, kw_only=True)
class Annotation(Record):
    """What users wrote about a run or sweep. name: of a run; a sweep has its own. at: the last change, Unix seconds."""

    name: str = ""
    tags: list[str] = field(default_factory=list)
    note: str = ""
    at: float = 0.0
    user: str = ""

    def __post_init__(self) -> None:
        if self.name and (not _NAME.fullmatch(self.name) or _DIGITS.fullmatch(self.name)):
            raise ValueError(f"{self.name!r:.80} is not a name of a run")
        if not all(_TAG.fullmatch(tag) for tag in self.tags):
            raise ValueError("its tags are not words")

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.name or self.tags or self.note)

    def united(self, other: Annotation) -> Annotation:
        """The tags of both, with the name and note of the later one that has them."""
        older, newer = sorted((self, other), key=lambda item: (item.at, item.encode()))
        tags = sorted({*self.tags, *other.tags})
        return replace(newer, name=newer.name or older.name, tags=tags, note=newer.note or older.note)


NOTHING = Annotation()


def of_run(workspace: Workspace, run: str) -> Path:
    """The file of a run."""
    return workspace.run_annotations / f"{run}.json"


def of_sweep(workspace: Workspace, name: str) -> Path:
    """The file of a sweep."""
    return workspace.sweep_annotations / f"{name}.json"


def read(path: Path) -> Annotation:
    """The annotation; an empty one if there is none. Raises RecordError."""
    return Annotation.read(path) or NOTHING


def write(path: Path, annotation: Annotation) -> None:
    """Write the annotation; an empty one is deleted."""
    if annotation.empty:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, annotation.encode())


def runs(workspace: Workspace) -> dict[str, Annotation]:
    """Run id -> its annotation. Damaged files are skipped."""
    return _all(workspace.run_annotations)


def sweeps(workspace: Workspace) -> dict[str, Annotation]:
    """Sweep name -> its annotation. Damaged files are skipped."""
    return _all(workspace.sweep_annotations)


def tags(workspace: Workspace, members: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Run id -> its tags and those of its sweeps, for runs that have some. members: the runs of each sweep."""
    found = {run: set(item.tags) for run, item in runs(workspace).items() if item.tags}
    for sweep, item in sweeps(workspace).items():
        for run in members.get(sweep, ()) if item.tags else ():
            found.setdefault(run, set()).update(item.tags)
    return {run: sorted(of_run) for run, of_run in found.items()}


def check_tag(tag: str) -> str:
    """The tag, if it can be one; raises SpecError."""
    if not _TAG.fullmatch(tag):
        raise SpecError(f"invalid tag {tag!r:.80}: use up to 50 letters, digits, '.', '_', '-', '+', ':'")
    return tag


def check_run_name(name: str) -> str:
    """The name, if a run can have it; raises SpecError. Hexadecimal digits alone would be the beginning of an id."""
    if not _NAME.fullmatch(name) or _DIGITS.fullmatch(name):
        raise SpecError(
            f"invalid name {name!r:.80} of a run: use up to 100 letters, digits, '.', '_', '-', '+'; "
            "the digits of an id alone are not a name"
        )
    return name


def check_note(note: str) -> str:
    """The note on one line; raises SpecError if it is too long or cannot be printed."""
    text = " ".join(note.split())
    if len(text) > _LONGEST_NOTE or not text.isprintable():
        raise SpecError(f"a note is text of up to {_LONGEST_NOTE} characters")
    return text


def _all(folder: Path) -> dict[str, Annotation]:
    found: dict[str, Annotation] = {}
    with skip_unreadable():
        for path in sorted(folder.glob("[!.]*.json")):
            with skip_unreadable():
                found[path.stem] = read(path)
    return found
