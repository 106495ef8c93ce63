"""Users' files stored in a workspace: sources/<hash>/ holds the submitted files and source.json names the entry.

A folder is written once, atomically, and never changed, so that queued jobs load what they were submitted with.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from attnctl.files import read_regular, readable_by, reason, sync_folder, write_atomic
from attnctl.sources.closure import READ_SOURCES, Scope, Source, narrowed, read_within
from attnctl.sources.digest import VERSION_PREFIX
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json

MANIFEST = "source.json"


@dataclass(frozen=True)
class Manifest:
    """The content of source.json. entry: the file within the folder; origin: the user's folder.

    attribute: the class or function whose version it has; empty: the version is that of all files.
    """

    entry: str
    origin: str
    attribute: str = ""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a stored source; raises SpecError when it is missing or damaged."""
    try:
        manifest = untrusted_json.decode(Manifest, untrusted_json.loads_object(read_regular(folder / MANIFEST)))
        parts = Path(manifest.entry).parts
        if Path(manifest.entry).is_absolute() or ".." in parts or not parts or "\0" in manifest.entry + manifest.origin:
            raise ValueError(f"{MANIFEST} names a file outside it")
        return manifest
    except PermissionError as error:
        raise _unreadable(folder) from error
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{folder} does not hold the source that the run was submitted with: {reason(error)}"
        ) from error


def _unreadable(folder: Path) -> SpecError:
    return SpecError(f"you may not read the stored source {folder}: {readable_by(folder)}")


def file_of(folder: Path, version: str) -> str:
    """Where the user's file of a stored source was; empty if that is unknown."""
    try:
        manifest = read_manifest(folder / version.removeprefix(VERSION_PREFIX))
    except SpecError:
        return ""
    return str(Path(manifest.origin, manifest.entry))


def is_own(version: int | str) -> bool:
    """Whether the version of a module or backbone is that of a user's file."""
    return isinstance(version, str) and version.startswith(VERSION_PREFIX)


def keep(version: str, folder: Path) -> None:
    """Store a source that this process has read in the workspace's folder of sources, durably, unless it is stored.

    Raises SpecError if it was neither read nor stored before, OSError when it cannot be written.
    """
    target = folder / version.removeprefix(VERSION_PREFIX)
    try:
        if (target / MANIFEST).is_file():
            return
    except PermissionError as error:
        raise _unreadable(target) from error
    if version not in READ_SOURCES:
        raise SpecError(f"the user's file {version} is not in {folder}; sweep again from the file")
    source = READ_SOURCES[version]
    aside = folder / f".{source.hash}.{uuid.uuid4().hex}"
    try:
        for name, data in source.files.items():
            write_atomic(aside / name, data, durable=True)
        manifest = Manifest(source.entry, str(source.origin), source.attribute)
        write_atomic(aside / MANIFEST, json.dumps(asdict(manifest)).encode() + b"\n", durable=True)
        _rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    sync_folder(folder)


def _rename(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError:
        if not (target / MANIFEST).is_file():  # otherwise another command has just stored the same files
            raise


def remember(folder: Path, versions: Iterable[int | str]) -> None:
    """Make stored sources available to this process, as if it had read the files. Raises SpecError."""
    for version in versions:
        if is_own(version) and version not in READ_SOURCES:
            READ_SOURCES[str(version)] = load(folder, str(version))


def load(folder: Path, version: str) -> Source:
    """The stored source of a version; raises SpecError when it is missing or was changed."""
    stored = folder.absolute() / version.removeprefix(VERSION_PREFIX)
    manifest = read_manifest(stored)
    entry, origin = stored / manifest.entry, Path(manifest.origin)
    roots = tuple(parent for parent in entry.parents if parent.is_relative_to(stored))
    if not all(os.access(path, os.R_OK) for path in (stored, *stored.rglob("*"))):
        raise _unreadable(stored)
    source = replace(read_within(entry, Scope(roots)), origin=origin)
    source = narrowed(source, manifest.attribute)
    if source.version != version:
        raise SpecError(f"{stored} was changed after it was stored; sweep again from the file in {origin}")
    known = {stored / MANIFEST, *(source.base / name for name in source.files)}
    known |= {parent for path in known for parent in path.parents}
    for path in sorted(stored.rglob("*")):
        if path not in known or path.is_symlink():
            raise SpecError(f"{path} is not part of the stored source; delete it, or sweep again from {origin}")
    return source
