"""The archives that data sets are published as."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path

from attnctl.datasets import Dataset
from jobs.data.errors import DataError


def archive_of(dataset: Dataset, folder: Path) -> Path | None:
    """The published archive in or beside the data set's folder, if it is there."""
    places = (folder / dataset.archive, folder.parent / dataset.archive)
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
