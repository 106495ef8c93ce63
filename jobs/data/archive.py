"""The archives that data sets are published as."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from attnctl.jobs.data.errors import DataError


def archive_of(name: str, folder: Path) -> Path | None:
    """The published archive of that name in or beside the data set's folder, if it is there."""
    places = (folder / name, folder.parent / name)
    return next((place for place in places if place.is_file()), None)


def read_archive(archive: Path, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """(archive/name, content) of the members with these file names, in their order; raises DataError."""
    wanted = list(names)
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                stream = tar.extractfile(member) if Path(member.name).name in wanted else None
                if stream is not None:
                    found[Path(member.name).name] = stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{archive} cannot be read ({error}); remove it and download it again") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(f"{archive} lacks {', '.join(missing)}; remove it and download it again")
    return [(f"{archive}:{name}", found[name]) for name in wanted]


def unpack(archive: Path, inside: str, folder: Path, progress: Callable[[int, int | None], None]) -> None:
    """The files below `inside` of a .tar, .tgz or .zip into `folder`, each in place only when it is whole.

    Files that are there at their full size are left alone. progress: called with the bytes of files so far. Raises
    DataError for a damaged archive, or one whose files lead out of the folder; OSError.
    """
    done = 0
    try:
        with _opened(archive) as members:
            for name, size, content in members:
                path = PurePosixPath(name)
                if inside and not path.is_relative_to(inside):
                    continue
                if path.is_absolute() or ".." in path.parts:
                    raise DataError(f"{archive} holds {name}, which leads out of its folder")
                target = folder / (path.relative_to(inside) if inside else path)
                if not (target.is_file() and target.stat().st_size == size):
                    _place(content, target)
                done += size
                progress(done, None)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{archive} cannot be read ({error}); remove it and download it again") from error


Members = Iterator[tuple[str, int, Callable[[], IO[bytes]]]]


@contextmanager
def _opened(archive: Path) -> Iterator[Members]:
    """(name, size in bytes, opener) of each file in it; links and folders are left out."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            files = [item for item in packed.infolist() if not item.is_dir()]
            yield ((item.filename, item.file_size, partial(packed.open, item)) for item in files)
    else:
        with tarfile.open(archive, "r:*") as tar:
            yield ((item.name, item.size, partial(_extracted, tar, item)) for item in tar if item.isreg())


def _extracted(tar: tarfile.TarFile, item: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(item)
    assert stream is not None, "a regular file"
    return stream


def _place(content: Callable[[], IO[bytes]], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f"{target.name}.part")
    with content() as source, aside.open("wb") as output:
        shutil.copyfileobj(source, output, 1 << 20)
    aside.rename(target)
