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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from attnctl.files import made_aside, open_regular, reason
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import RELATIVE

MANIFEST = "manifest.json"
VERSION = 1
"""Of what an archive holds."""

_MOMENT = 315532800
"""The time of every file in it, 1980-01-01: when it was written is no part of it."""

_BLOCK = 1 << 20


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
        packer.add(MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")


@dataclass
class ArchiveCheck:
    """What was found in an archive. faults: in words, a line each; none when it is whole."""

    folder: str = ""
    files: int = 0
    runs: int = 0
    faults: list[str] = field(default_factory=list)


def check(file: Path) -> ArchiveCheck:
    """Hold every file in an archive against its manifest. Raises SpecError when it is no archive at all."""
    result = ArchiveCheck()
    digests: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(file, "r:gz") as tar:
            for member in tar:
                name = _name(member, result)
                stream = tar.extractfile(member) if name and member.isfile() else None
                if stream is None:
                    result.faults.append(f"{member.name} is not a regular file in the archive's folder")
                elif name == MANIFEST:
                    manifest = untrusted_json.loads_object(stream.read())
                else:
                    digests[name] = _digest(name, stream, result)
    except (OSError, EOFError, tarfile.TarError, ValueError) as error:
        raise SpecError(f"{file} is not a complete archive: {reason(error)}") from error
    if manifest is None or manifest.get("attnctl_archive") != VERSION:
        raise SpecError(f"{file} is not an attnctl archive: it has no {MANIFEST} of version {VERSION}")
    listed: Any = manifest.get("files")
    if not untrusted_json.fits(listed, dict[str, dict[str, Any]]):
        raise SpecError(f"{file} is a damaged archive: its {MANIFEST} lists no files")
    _compare(digests, listed, result)
    return result


def _name(member: tarfile.TarInfo, result: ArchiveCheck) -> str:
    """The member's name in the archive's one folder; empty when it is none."""
    folder, *rest = PurePosixPath(member.name).parts or ("",)
    result.folder = result.folder or folder
    safe = folder == result.folder and folder not in {"/", ".", ".."} and rest and ".." not in rest
    return "/".join(rest) if safe else ""


def _digest(name: str, stream: Any, result: ArchiveCheck) -> str:
    digest = hashlib.sha256()
    run = PurePosixPath(name).parent.name
    if name == RELATIVE.run(run).spec.as_posix():
        result.runs += 1
        data = stream.read()
        digest.update(data)
        result.faults += _spec_fault(name, run, data)
    while block := stream.read(_BLOCK):
        digest.update(block)
    result.files += 1
    return digest.hexdigest()


def _spec_fault(name: str, run: str, data: bytes) -> list[str]:
    try:
        spec = RunSpec.from_json(untrusted_json.loads_object(data))
    except ValueError as error:
        return [f"{name}: {error}"]
    return [] if spec.id == run else [f"{name} is the spec of run {spec.id}"]


def _compare(digests: Mapping[str, str], listed: Mapping[str, Any], result: ArchiveCheck) -> None:
    result.faults += [f"{name} is missing" for name in sorted(listed.keys() - digests.keys())]
    result.faults += [f"{name} is not in the manifest" for name in sorted(digests.keys() - listed.keys())]
    result.faults += [
        f"{name} has changed since it was packed"
        for name in sorted(digests.keys() & listed.keys())
        if digests[name] != listed[name].get("sha256")
    ]
