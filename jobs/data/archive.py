"""Reads the archives in which data sets are published."""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from attnctl.files import open_regular
from attnctl.jobs.data.errors import DataError

LARGEST_MEMBER = 1 << 30
"""Largest size in bytes of a file that is read into memory; CIFAR-100's training part has 155 MB."""


_LARGEST_HEADER = 1 << 20
"""Bytes of the further headers of a member, such as its long name; a name has at most 4096."""


class _Member(tarfile.TarInfo):
    """A member of a tar file, with small further headers: tarfile reads them into memory, whatever they declare."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        """Overrides the method that the class documents as the place for other types of members."""
        if not self.isreg() and self.size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"its headers have {self.size} bytes")
        member: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]
        return member


@contextmanager
def open_tar(archive: Path, mode: Literal["r:*", "r:"] = "r:*") -> Iterator[tarfile.TarFile]:
    """Open a tar file that anybody may have written. Raises OSError, EOFError, zlib.error or tarfile.TarError."""
    with open_regular(archive) as stream:
        try:
            with tarfile.open(fileobj=stream, mode=mode, tarinfo=_Member) as tar:
                yield tar
        except RecursionError as error:
            raise tarfile.ReadError("it has too many headers for one member") from error


def archive_of(name: str, folder: Path) -> Path | None:
    """The archive with this name in or next to the data set's folder, or None."""
    paths = (folder / name, folder.parent / name)
    return next((path for path in paths if path.is_file()), None)


def read_archive(archive: Path, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """Read the members with these file names, in this order, as (archive:name, content); raises DataError."""
    wanted = list(names)
    contents: dict[str, bytes] = {}
    try:
        with open_tar(archive) as tar:
            for member in tar:
                stream = tar.extractfile(member) if Path(member.name).name in wanted and member.isfile() else None
                if stream is not None and member.size > LARGEST_MEMBER:
                    raise DataError(
                        f"{archive}:{member.name} has {member.size} bytes; a batch has at most {LARGEST_MEMBER}"
                    )
                if stream is not None:
                    contents[Path(member.name).name] = stream.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{archive} cannot be read ({error}); delete it and download it again") from error
    missing = [name for name in wanted if name not in contents]
    if missing:
        raise DataError(f"{archive} lacks {', '.join(missing)}; delete it and download it again")
    return [(f"{archive}:{name}", contents[name]) for name in wanted]


def unpack(archive: Path, inside: str, folder: Path, progress: Callable[[int, int | None], None]) -> None:
    """Unpack the files below `inside` of a .tar, .tgz or .zip into `folder`; each appears only when it is complete.

    Existing files of the right size are skipped. progress: called with the bytes of all files so far. Raises DataError
    for a damaged archive, or for one with files outside the folder; OSError.
    """
    done = 0
    try:
        with _opened(archive) as members:
            for name, size, content in members:
                path = PurePosixPath(name)
                if inside and not path.is_relative_to(inside):
                    continue
                if path.is_absolute() or ".." in path.parts:
                    raise DataError(f"{archive} contains {name}, a path outside its folder; it may be malicious")
                target = folder / (path.relative_to(inside) if inside else path)
                if not (target.is_file() and target.stat().st_size == size):
                    _extract(content, target)
                done += size
                progress(done, None)
    except DataError:
        raise
    except (
        *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
        *(NotImplementedError, RuntimeError, ValueError),  # a zip of a newer version, an encrypted one, a NUL in a name
    ) as error:
        raise DataError(f"{archive} cannot be read ({error}); delete it and download it again") from error


Members = Iterator[tuple[str, int, Callable[[], IO[bytes]]]]


@contextmanager
def _opened(archive: Path) -> Iterator[Members]:
    """(name, size in bytes, opener) of each file in the archive, without links and folders."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            files = [
                item for item in packed.infolist() if not item.filename.endswith("/")
            ]  # is_dir() fails for an empty name
            yield ((item.filename, item.file_size, partial(packed.open, item)) for item in files)
    else:
        with open_tar(archive) as tar:
            yield ((item.name, item.size, partial(_member, tar, item)) for item in tar if item.isreg())


def _member(tar: tarfile.TarFile, item: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(item)
    assert stream is not None, "it is a regular file"
    return stream


def _extract(content: Callable[[], IO[bytes]], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with content() as source, part.open("wb") as output:
        shutil.copyfileobj(source, output, 1 << 20)
    part.rename(target)
