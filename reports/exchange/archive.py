"""One file with all that is behind a table, and whether such a file is whole.

It is a tar file with one folder, which unpacked is a workspace; manifest.json has the SHA-256 of every other file.
The same files give the same bytes, whoever packs them and when.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from attnctl.files import made_aside, open_regular, reason
from attnctl.reports.exchange import tar_reader
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import RELATIVE

MANIFEST = "manifest.json"
VERSION = 1
"""Of what an archive holds."""

_MOMENT = 315532800
"""The time of every file in it, 1980-01-01: when it was written is no part of it."""

MOST_MANIFEST = 1 << 24
"""Bytes of the manifest."""

MOST_FAULTS = 100
"""Faults that a check lists."""

_MOST_SPEC = 1 << 20
_SHOWN = 200
"""Characters of a name in a message."""


class Packer:
    """Adds files to an archive, which must come in the order of their names."""

    def __init__(self, tar: tarfile.TarFile, folder: str) -> None:
        self._tar = tar
        self._folder = folder
        self.files: dict[str, dict[str, Any]] = {}

    def add(self, name: str, content: bytes | Path) -> None:
        """Add a file. A path's bytes are those that it has now: what is appended meanwhile stays out."""
        if isinstance(content, bytes):
            self._write(name, io.BytesIO(content), len(content))
        else:
            with open_regular(content, follow=False) as stream:
                self._write(name, stream, os.fstat(stream.fileno()).st_size)

    def _write(self, name: str, stream: Any, size: int) -> None:
        header = tarfile.TarInfo(f"{self._folder}/{name}")
        header.size, header.mtime, header.mode = size, _MOMENT, 0o644
        reader = _Hashed(stream)
        self._tar.addfile(header, reader)
        self.files[name] = {"bytes": size, "sha256": reader.digest.hexdigest()}


class _Hashed:
    """A stream whose bytes are hashed while they are read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self.digest.update(data)
        return data


@contextmanager
def packing(file: Path, folder: str) -> Iterator[Packer]:
    """Write an archive: what is added is in it when all went well, and there is none when it did not."""
    with (
        made_aside(file) as aside,
        aside.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        packer = Packer(tar, folder)
        yield packer
        manifest = {"attnctl_archive": VERSION, "files": dict(packer.files)}
        listed = json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"
        if len(packer.files) >= tar_reader.MOST_FILES or len(listed) > MOST_MANIFEST:
            raise SpecError(f"an archive has at most {tar_reader.MOST_FILES} files; pack fewer runs")
        packer.add(MANIFEST, listed)


@dataclass
class ArchiveCheck:
    """What was found in an archive. files: how many, with the manifest. faults: in words; none when it is whole."""

    folder: str = ""
    files: int = 0
    runs: int = 0
    faults: list[str] = field(default_factory=list)


def check(file: Path) -> ArchiveCheck:
    """Hold every file in an archive against its manifest, in bounded memory whatever the file contains.

    Raises SpecError when it is no archive at all.
    """
    checker = _Checker()
    try:
        with tar_reader.reading(file) as tar:
            for member in tar:
                checker.add(member, tar.blocks(member))
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
        raise SpecError(f"{file} is not a complete archive: {reason(error)}") from error
    manifest = checker.manifest
    if manifest is None or manifest.get("attnctl_archive") != VERSION:
        raise SpecError(f"{file} is not an attnctl archive: it has no {MANIFEST} of version {VERSION}")
    listed: Any = manifest.get("files")
    if not untrusted_json.fits(listed, dict[str, dict[str, Any]]):
        raise SpecError(f"{file} is a damaged archive: its {MANIFEST} lists no files")
    checker.compare(listed)
    return checker.result


class _Checker:
    """Takes the members of an archive one by one."""

    def __init__(self) -> None:
        self.result = ArchiveCheck()
        self.manifest: dict[str, Any] | None = None
        self._digests: dict[str, str] = {}

    def add(self, member: tarfile.TarInfo, blocks: Iterator[bytes]) -> None:
        """Check a member by itself."""
        name = _name(member, self.result)
        if not name or not tar_reader.is_plain(member):
            self._fault(f"{member.name[:_SHOWN]} is not a regular file in the archive's folder")
        elif name in self._digests or (name == MANIFEST and self.manifest is not None):
            self._fault(f"{name[:_SHOWN]} is in the archive more than once")
        elif name == MANIFEST:
            self.manifest = untrusted_json.loads_object(_whole(name, member, blocks, MOST_MANIFEST))
            self.result.files += 1
        else:
            self._digests[name] = self._digest(name, member, blocks)

    def _digest(self, name: str, member: tarfile.TarInfo, blocks: Iterator[bytes]) -> str:
        run = PurePosixPath(name).parent.name
        if name == RELATIVE.run(run).spec.as_posix():
            data = _whole(name, member, blocks, _MOST_SPEC)
            self.result.runs += 1
            self._fault(*_spec_fault(name, run, data))
            blocks = iter([data])
        digest = hashlib.sha256()
        for block in blocks:
            digest.update(block)
        self.result.files += 1
        return digest.hexdigest()

    def compare(self, listed: Mapping[str, Any]) -> None:
        """Hold what was found against the manifest's files."""
        found = self._digests
        self._fault(*(f"{name[:_SHOWN]} is missing" for name in sorted(listed.keys() - found.keys())))
        self._fault(*(f"{name[:_SHOWN]} is not in the manifest" for name in sorted(found.keys() - listed.keys())))
        both = sorted(found.keys() & listed.keys())
        changed = [name for name in both if found[name] != listed[name].get("sha256")]
        self._fault(*(f"{name[:_SHOWN]} has changed since it was packed" for name in changed))

    def _fault(self, *faults: str) -> None:
        left = MOST_FAULTS - len(self.result.faults)
        self.result.faults += faults[: max(0, left)]
        if 0 < left <= len(faults):
            self.result.faults.append("and more, which are not listed")


def _whole(name: str, member: tarfile.TarInfo, blocks: Iterator[bytes], most: int) -> bytes:
    """The content of a file that must be small. Raises ValueError."""
    if member.size > most:
        raise ValueError(f"{name[:_SHOWN]} is larger than {most >> 20} MiB")
    return b"".join(blocks)


def _name(member: tarfile.TarInfo, result: ArchiveCheck) -> str:
    """The member's name in the archive's one folder; empty when it is none."""
    folder, *rest = PurePosixPath(member.name).parts or ("",)
    result.folder = result.folder or folder
    safe = folder == result.folder and folder not in {"/", ".", ".."} and rest and ".." not in rest
    return "/".join(rest) if safe else ""


def _spec_fault(name: str, run: str, data: bytes) -> list[str]:
    try:
        spec = RunSpec.from_json(untrusted_json.loads_object(data))
    except ValueError as error:
        return [f"{name[:_SHOWN]}: {error}"]
    return [] if spec.id == run else [f"{name[:_SHOWN]} is the spec of run {spec.id}"]
