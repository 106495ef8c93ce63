"""Downloads a published data set: resumable, verified by MD5, and in place only when complete."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO

from filelock import lock_descriptor

from attnctl.datasets import Archive, Dataset
from attnctl.files import reason
from attnctl.jobs.data.archive import archive_of, read_archive, unpack
from attnctl.jobs.data.errors import DataError
from attnctl.networks.weights.published import Published, sha256

# Ours, because torchvision.datasets.utils.download_url and torch.hub.download_url_to_file start over after a broken
# connection, which for ImageNet's 138 GB is a day.

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and the total, which is None if the server does not report it."""

_TIMEOUT = 30.0  # seconds without any data
_CHUNK = 1 << 18
_DIGEST = re.compile(r"-([0-9a-f]{8,})\.")
"""The first digits of a file's SHA-256 in its name, as torch.hub reads them."""


def fetch(dataset: Dataset, folder: Path, progress: Progress, *, maps: bool = False) -> list[Path]:
    """Download the data set's files into `folder` unless they are all there; returns their paths.

    maps: also the class maps with which some models train. The archive is downloaded next to the folder, where it
    stays; interrupted downloads continue. Raises DataError.
    """
    targets = [folder / item.name for item in dataset.files]
    archives = (*dataset.archives, *(dataset.map_archives if maps else ()))
    if archives:
        for item in archives:
            _fetch_archive(item, folder, progress)
        return targets
    if all(target.is_file() for target in targets):
        return targets
    if not dataset.url:
        raise DataError(f"{dataset.name} cannot be downloaded: {dataset.source}")
    try:
        archive = archive_of(dataset.archive, folder)
        if archive is None:
            archive = _download(dataset.url, dataset.md5, folder.parent / dataset.archive, progress)
        if (actual := _md5(archive)) != dataset.md5:
            raise DataError(f"{archive} has MD5 {actual} instead of {dataset.md5}; delete it and run the command again")
        _extract(dataset, archive, folder)
    except OSError as error:
        raise _not_downloaded(dataset.name, folder, error) from error
    return targets


def _fetch_archive(item: Archive, folder: Path, progress: Progress) -> None:
    """Download and unpack one of a data set's archives, unless it is already unpacked; raises DataError.

    An interrupted unpacking is repeated, because a marker file is written at its end. A folder that was filled manually
    and has no archive next to it is left unchanged.
    """
    mark = folder / f".{item.name}.unpacked"
    archive = archive_of(item.name, folder)
    if mark.exists() or (archive is None and (folder / item.gives).exists()):
        return
    try:
        if archive is None:
            archive = _download(item.url, item.md5, folder.parent / item.name, progress)
        elif item.md5 and (actual := _md5(archive)) != item.md5:
            raise DataError(f"{archive} has MD5 {actual} instead of {item.md5}; delete it and run the command again")
        unpack(archive, item.inside, folder / item.into, progress)
        if not (folder / item.gives).exists():
            raise DataError(f"{archive} does not contain {item.gives}")
        mark.touch()
    except OSError as error:
        raise _not_downloaded(item.name, folder, error) from error


def fetch_weights(weights: Published, progress: Progress) -> Path:
    """Download published weights into the user's cache, where the libraries look for them; raises DataError.

    What is there is kept. The file's name ends with the first digits of its SHA-256 if torchvision publishes it.
    """
    if (path := weights.path) is not None:
        return path
    if weights.repository:
        return _from_hub(weights)
    try:
        return _download_weights(weights, progress)
    except OSError as error:
        raise DataError(f"cannot download {weights.name} to {weights.target}: {reason(error)}") from error


def _download_weights(weights: Published, progress: Progress) -> Path:
    target = weights.target
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as output:
        if not lock_descriptor(output.fileno(), blocking=False):
            raise DataError(f"{part} is being downloaded by another process")
        try:
            _receive(weights.url, output, progress)
        finally:
            if output.tell() == 0:
                part.unlink()
        expected = _DIGEST.search(target.name)
        if expected is not None and not sha256(part).startswith(expected[1]):
            part.unlink()
            raise DataError(f"{weights.url} has another SHA-256 than its name says; the download was deleted")
        os.fsync(output.fileno())
        part.rename(target)
    return target


def _from_hub(weights: Published) -> Path:
    try:
        hub = import_module("huggingface_hub")
    except ImportError:
        raise DataError(f"{weights.name} needs the package huggingface_hub") from None
    try:
        return Path(hub.hf_hub_download(weights.repository, weights.file))
    except Exception as error:  # the client raises many types, of its own and of the library for requests
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"cannot download {weights.name}: {lines[0]}") from error


def _not_downloaded(name: str, folder: Path, error: OSError) -> DataError:
    """The error of a download, with what helps where the folder may not be written."""
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        setting = "set root under [data] in attnctl.toml to a folder of yours"
        return DataError(f"cannot download {name}: you have no permission to write in {folder.parent}; {setting}")
    return DataError(f"cannot download {name} to {folder}: {reason(error)}")


def _download(url: str, md5: str, archive: Path, progress: Progress) -> Path:
    """Download the archive and verify its MD5, if there is one; a download with a wrong MD5 is deleted."""
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
        if md5 and (actual := _md5(part)) != md5:
            part.unlink()
            raise DataError(f"{url} has MD5 {actual} instead of {md5}; the download was deleted")
        os.fsync(output.fileno())
        part.rename(archive)
    return archive


def _receive(url: str, output: IO[bytes], progress: Progress) -> None:
    """Append the missing part of `url` to `output`, or start over if the server cannot resume; raises DataError."""
    if not url.startswith(("https://", "http://")):
        raise DataError(f"{url} is not an http or https address")
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
            return  # the file is complete; its MD5 is verified later
        raise DataError(f"{url}: the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        message = f"{url}: stopped at {done} bytes ({reason(error)}); run the command again to continue"
        raise DataError(message) from error
    if total is not None and done < total:
        raise DataError(f"{url}: stopped at {done} of {total} bytes; run the command again to continue")


def _extract(dataset: Dataset, archive: Path, folder: Path) -> None:
    """Extract the data set's files from the archive, verify each, and rename it into place."""
    folder.mkdir(parents=True, exist_ok=True)
    for item, (source, content) in zip(
        dataset.files, read_archive(archive, [item.name for item in dataset.files]), strict=True
    ):
        actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if item.md5 and actual != item.md5:
            raise DataError(f"{source} has MD5 {actual} instead of {item.md5}")
        part = folder / f"{item.name}.part"
        part.write_bytes(content)
        part.rename(folder / item.name)


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
