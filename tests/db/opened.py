"""The files and folders that code opens, by Python's audit events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RECORDS: list[list[str]] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _RECORDS and event in {"open", "os.listdir", "os.scandir"}:
        _RECORDS[-1].append(str(arguments[0]))


sys.addaudithook(_hook)


@contextmanager
def under(folder: Path) -> Iterator[list[str]]:
    """The paths below this folder that are opened in the block; filled at its end."""
    record: list[str] = []
    _RECORDS.append(record)
    try:
        yield record
    finally:
        _RECORDS.pop()
        record[:] = [path for path in record if path.startswith(f"{folder}/")]
