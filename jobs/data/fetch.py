"""Downloading a published data set: resumable, checked by MD5, and in place only when it is whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from filelock import lock_descriptor

from attnctl.datasets import Archive, Dataset
from attnctl.jobs.data.archive import archive_of, read_archive, unpack
from attnctl.jobs.data.errors import DataError

# Ours, because torchvision.datasets.utils.download_url and torch.hub.download_url_to_file start over after a broken
# connection, which for ImageNet's 138 GB is a day.

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and in all (None where the server does not say)."""

_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 18


def fetch(dataset: Dataset, folder: Path, progress: Progress) -> list[Path]:
    """Bring the data set's files into `folder`; the files, which are left as they are when all are there.

    The archive is downloaded beside the folder, continuing one that broke off, and stays there. Raises DataError.
    """
    targets = [folder / item.name for item in dataset.files]
    if dataset.archives:
        for item in dataset.archives:
            _bring(item, folder, progress)
        return targets
    if all(target.is_file() for target in targets):
        return targets
    if not dataset.url:
        raise DataError(f"{dataset.name} cannot be downloaded: {dataset.source}")
    try:
        archive = archive_of(dataset.archive, folder)
        if archive is None:
            archive = _download(dataset.url, dataset.md5, folder.parent / dataset.archive, progress)
        if (found := _md5(archive)) != dataset.md5:
            raise DataError(f"{archive} has MD5 {found}, not {dataset.md5}; remove it and run the command again")
        _extract(dataset, archive, folder)
    except OSError as error:
        raise DataError(f"cannot bring {dataset.name} to {folder}: {error}") from error
    return targets


def _bring(item: Archive, folder: Path, progress: Progress) -> None:
    """Download and unpack one of a data set's archives, unless it is unpacked already; raises DataError.

    What broke off while unpacking is done again, since only then the mark for it is there. A folder that was filled by
    hand, with no archive beside it, is left as it is.
    """
    mark = folder / f".{item.name}.unpacked"
    archive = archive_of(item.name, folder)
    if mark.exists() or (archive is None and (folder / item.gives).exists()):
        return
    try:
        if archive is None:
            archive = _download(item.url, item.md5, folder.parent / item.name, progress)
        elif (found := _md5(archive)) != item.md5:
            raise DataError(f"{archive} has MD5 {found}, not {item.md5}; remove it and run the command again")
        unpack(archive, item.inside, folder, progress)
        if not (folder / item.gives).exists():
            raise DataError(f"{archive} does not hold {item.gives}")
        mark.touch()
    except OSError as error:
        raise DataError(f"cannot bring {item.name} to {folder}: {error}") from error


def _download(url: str, md5: str, archive: Path, progress: Progress) -> Path:
    """The archive, complete and of the right MD5; a part with a wrong one is removed."""
    part = archive.with_name(archive.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as output:
        if not lock_descriptor(output.fileno(), blocking=False):
            raise DataError(f"{part} is being downloaded by another process")
        try:
            _receive(url, output, progress)
        finally:
            if output.tell() == 0:
                part.unlink()
        if (found := _md5(part)) != md5:
            part.unlink()
            raise DataError(f"{url} came with MD5 {found}, not {md5}; it was removed")
        os.fsync(output.fileno())
        part.rename(archive)
    return archive


def _receive(url: str, output: IO[bytes], progress: Progress) -> None:
    """Append what is missing of `url` to `output`, or start over when the server cannot continue; raises DataError."""
    if not url.startswith(("https://", "http://")):
        raise DataError(f"{url} is not an http address")
    done = output.seek(0, os.SEEK_END)
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})  # noqa: S310 checked
    total = None
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310 checked above
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                output.truncate(done := 0)
            length = response.headers.get("Content-Length")
            total = done + int(length) if length else None
            progress(done, total)
            while chunk := response.read(_CHUNK):
                output.write(chunk)
                done += len(chunk)
                progress(done, total)
        output.flush()
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and done:
            return  # nothing is missing: the MD5 has the last word
        raise DataError(f"{url}: the server says {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"{url}: broke off at {done} bytes ({reason}); run the command again to continue") from error
    if total is not None and done < total:
        raise DataError(f"{url}: broke off at {done} of {total} bytes; run the command again to continue")


def _extract(dataset: Dataset, archive: Path, folder: Path) -> None:
    """The data set's own files out of the archive, each checked and then renamed into place."""
    folder.mkdir(parents=True, exist_ok=True)
    for item, (source, content) in zip(
        dataset.files, read_archive(archive, [item.name for item in dataset.files]), strict=True
    ):
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if item.md5 and found != item.md5:
            raise DataError(f"{source} has MD5 {found}, not {item.md5}")
        aside = folder / f"{item.name}.part"
        aside.write_bytes(content)
        aside.rename(folder / item.name)


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
