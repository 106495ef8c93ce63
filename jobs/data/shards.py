"""Packs images for classification into shards of resized images; see `attnctl.datasets.packed`."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from attnctl.datasets import Dataset, own, packed
from attnctl.datasets.packed import Manifest, Part, Shard
from attnctl.files import write_atomic
from attnctl.jobs.data.archive import open_tar
from attnctl.jobs.data.checking import Through
from attnctl.jobs.data.errors import DataError, check_present
from attnctl.jobs.data.files import ImageFiles, open_parts
from attnctl.jobs.data.images import decode
from attnctl.jobs.data.own_files import open_own
from attnctl.jobs.data.packed_files import ROW, Rows, suffix
from attnctl.settings.config import DataRoots
from attnctl.units import quantity

_MOST_PROCESSES = 16
"""More would mostly wait for the disk."""

SHARD = 1000
"""Images of a shard: at 256 pixels about 45 MB. Less than so many are lost when a packing is killed."""


@dataclass(frozen=True)
class _Task:
    """A shard to be written. quality: see `Manifest`."""

    path: Path
    first: int
    images: int
    side: int
    quality: int


def default_folder(dataset: Dataset, roots: DataRoots, side: int) -> Path:
    """Where a data set is packed unless a folder is named: beside its own. Raises DataError."""
    folder = check_present(dataset, roots.folder(dataset.name))
    return folder.with_name(f"{folder.name}-{side}")


def pack_dataset(
    dataset: Dataset, roots: DataRoots, root: Path, *, side: int, quality: int, through: Through
) -> Manifest:
    """`pack` for the images of a data set, on the cores of this process."""
    folder = roots.folder(dataset.name)
    parts = (
        open_own(dataset, folder, signature=_signature(dataset, roots))
        if dataset.is_own
        else open_parts(dataset, folder)
    )
    names = parts[0].class_names or tuple(map(str, range(dataset.classes)))
    manifest = Manifest(
        format=packed.FORMAT,
        source=dataset.name,
        side=side,
        quality=quality,
        height=dataset.height,
        mean=dataset.mean,
        std=dataset.std,
        classes=names,
    )
    return pack(parts, manifest, root, through, processes=min(_MOST_PROCESSES, len(os.sched_getaffinity(0))))


def _signature(dataset: Dataset, roots: DataRoots) -> str:
    """That of a user's folder as it was just measured, or as it was recorded; see `own.check_unchanged`."""
    measured = own.MEASURED.get(dataset.name)
    return measured.signature if measured is not None else roots.signature(dataset.name)


def pack(parts: list[ImageFiles], manifest: Manifest, root: Path, through: Through, processes: int) -> Manifest:
    """Write the training and the test images to `root`; shards that are there and complete are kept.

    manifest: without parts. through: shows the progress. Raises DataError for an unreadable image, or if the folder
    holds something else; OSError; KeyboardInterrupt that says what is kept.
    """
    before = _before(manifest, root)
    root.mkdir(parents=True, exist_ok=True)
    if before is None:
        write_atomic(root / packed.MANIFEST, manifest.encode())
    written = {}
    for part, files in zip(packed.PARTS, parts, strict=True):
        (root / part).mkdir(exist_ok=True)
        known = before.parts[part].shards if before is not None and before.parts else ()
        shards, rows = _pack_part(files, manifest, root, part, known, through, processes)
        index = np.concatenate(rows).tobytes()
        write_atomic(root / part / packed.INDEX, index)
        written[part] = Part(hashlib.sha256(index).hexdigest(), tuple(shards))
    complete = replace(manifest, parts=written)
    write_atomic(root / packed.MANIFEST, complete.encode())
    return complete


def _before(manifest: Manifest, root: Path) -> Manifest | None:
    """What an earlier packing into the folder has written; raises DataError if it was another one, or no packing."""
    if not packed.is_packed(root):
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise DataError(f"cannot write {root}: it exists and holds no packed images; name another folder")
        return None
    before = packed.read_manifest(root)
    if replace(before, parts={}) != manifest:
        raise DataError(
            f"{root} holds {before.source} with side {before.side} and quality {before.quality}; name another folder"
        )
    return before


def _pack_part(
    files: ImageFiles,
    manifest: Manifest,
    root: Path,
    part: str,
    known: tuple[Shard, ...],
    through: Through,
    processes: int,
) -> tuple[list[Shard], list[Rows]]:
    count = len(files.labels)
    tasks = [
        _Task(packed.shard_path(root, part, number), first, min(SHARD, count - first), manifest.side, manifest.quality)
        for number, first in enumerate(range(0, count, SHARD))
    ]
    shards, rows = [], []
    with _workers(files, processes) as pool:
        results = [pool.submit(_packed, task, known[number : number + 1]) for number, task in enumerate(tasks)]
        try:
            for number in through(range(len(tasks)), f"packing {part}"):
                shard, places = results[number].result()
                places["shard"] = number
                shards.append(shard)
                rows.append(places)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            done = sum(task.path.exists() for task in tasks)
            raise KeyboardInterrupt(
                f"stopped; {done} of {quantity(len(tasks), 'shard')} of {part} are kept; run the same command again"
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return shards, rows


_files: ImageFiles
"""The images that a process packs, which it has from the one that forked it."""


@contextmanager
def _workers(files: ImageFiles, processes: int) -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(processes, get_context("fork"), _start, (files,)) as pool:
        yield pool


def _start(files: ImageFiles) -> None:
    global _files
    _files = files
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a shard that was begun is finished


def _packed(task: _Task, known: tuple[Shard, ...]) -> tuple[Shard, Rows]:
    """The shard of a task, and the places of its images: the file that is there if it is complete, else a new one."""
    labels = _files.labels[task.first : task.first + task.images]
    rows = _places(task, labels) if task.path.is_file() else None
    if rows is not None:
        found = Shard(task.images, task.path.stat().st_size, packed.digest(task.path))
        if known in ((), (found,)):
            return found, rows
    _write(task, labels)
    rows = _places(task, labels)
    assert rows is not None, "it was just written"
    return Shard(task.images, task.path.stat().st_size, packed.digest(task.path)), rows


def _places(task: _Task, labels: npt.NDArray[np.int64]) -> Rows | None:
    """The places of the images in a shard; None if it has other images, or is damaged."""
    try:
        with open_tar(task.path, "r:") as tar:
            places = [(item.name, item.offset_data, item.size) for item in tar if not item.name.endswith(".cls")]
    except (tarfile.TarError, OSError, EOFError, ValueError):
        return None
    if [name for name, _, _ in places] != [_name(task, offset) for offset in range(task.images)]:
        return None
    rows = np.zeros(task.images, ROW)
    rows["offset"], rows["size"] = zip(*(place[1:] for place in places), strict=True)
    rows["label"] = labels
    return rows


def _write(task: _Task, labels: npt.NDArray[np.int64]) -> None:
    """Write a shard under another name, and rename it when it is complete. Raises DataError, OSError."""
    half = task.path.with_name(f".{task.path.name}.half")
    try:
        with tarfile.open(half, "w:", format=tarfile.USTAR_FORMAT) as tar:
            for offset, label in enumerate(labels.tolist()):
                name = _name(task, offset)
                _add(tar, name, _resized(task.first + offset, task))
                _add(tar, f"{Path(name).stem}.cls", str(label).encode())
        half.replace(task.path)
    finally:
        half.unlink(missing_ok=True)


def _name(task: _Task, offset: int) -> str:
    """The member with an image of a shard."""
    return f"{task.first + offset:07d}{suffix(task.quality)}"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _resized(number: int, task: _Task) -> bytes:
    """An image with its shorter side scaled down to that of the task, encoded."""
    image = decode(lambda: _files.read(number), _files.name(number))
    shorter = min(image.size)
    if shorter > task.side:
        width, height = (max(1, round(length * task.side / shorter)) for length in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    if task.quality:
        image.save(stream, "JPEG", quality=task.quality)
    else:
        image.save(stream, "PPM")
    return stream.getvalue()
