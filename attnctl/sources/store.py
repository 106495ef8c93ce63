"""Contents in a workspace: sources/<hash>/ holds the files as they were submitted, and source.json which one is meant.

A folder is written once, whole, and never changed: jobs that wait load what they were submitted with.
"""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from attnctl.files import sync_folder, write_atomic
from attnctl.sources.closure import KNOWN, Scope, Source, read_within
from attnctl.sources.digest import VERSION_PREFIX
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json

MANIFEST = "source.json"


@dataclass(frozen=True)
class Manifest:
    """What MANIFEST says. entry: the file that was meant, within the folder; origin: where it was read."""

    entry: str
    origin: str


def read_manifest(place: Path) -> Manifest:
    """The manifest of one kept content; raises SpecError when it is missing or broken."""
    try:
        return untrusted_json.decode(Manifest, untrusted_json.loads_object((place / MANIFEST).read_bytes()))
    except (OSError, ValueError) as error:
        raise SpecError(f"{place} does not hold the source that the run was submitted with: {error}") from error


def is_own(version: int | str) -> bool:
    """Whether the version of a module or backbone says that it is a user's own file."""
    return isinstance(version, str) and version.startswith(VERSION_PREFIX)


def keep(version: str, folder: Path) -> None:
    """Put a content that this process has read into the workspace's folder of sources, durably, unless it is there.

    Raises SpecError for one that was not read and is not there, OSError when it cannot be written.
    """
    target = folder / version.removeprefix(VERSION_PREFIX)
    if (target / MANIFEST).is_file():
        return
    if version not in KNOWN:
        raise SpecError(f"the user's file {version} is not in {folder}; sweep again from the file")
    source = KNOWN[version]
    aside = folder / f".{source.hash}.{uuid.uuid4().hex}"
    try:
        for name, data in source.files.items():
            write_atomic(aside / name, data, durable=True)
        manifest = Manifest(source.entry, str(source.origin))
        write_atomic(aside / MANIFEST, json.dumps(asdict(manifest)).encode() + b"\n", durable=True)
        _rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    sync_folder(folder)


def _rename(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError:
        if not (target / MANIFEST).is_file():  # else another command has just kept the same
            raise


def kept(folder: Path, version: str) -> Source:
    """The content of a version in the workspace's folder of sources; raises SpecError when it is missing or changed."""
    place = folder.absolute() / version.removeprefix(VERSION_PREFIX)
    manifest = read_manifest(place)
    entry, origin = place / manifest.entry, Path(manifest.origin)
    roots = tuple(parent for parent in entry.parents if parent.is_relative_to(place))
    source = replace(read_within(entry, Scope(roots)), origin=origin)
    if source.version != version:
        raise SpecError(f"{place} was changed after it was stored; sweep again from the file in {origin}")
    return source
