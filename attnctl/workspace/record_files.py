"""The files in a folder of a workspace, and the records in them: texts instead of paths, since there are thousands."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from attnctl.workspace.records import Record

R = TypeVar("R", bound=Record)

Guard = Callable[[], AbstractContextManager[object]]
"""A context manager around each file read that handles its RecordError or OSError, by skipping or collecting it."""

_ENDING = ".json"


def readable(
    kind: type[R], folder: Path, guard: Guard, prefix: str = "", names: Sequence[str] | None = None
) -> list[R]:
    """The readable records in the files `<prefix>*.json` of a folder. names: in it, where they were listed before."""
    records: list[R] = []
    with guard():
        for name in json_names(folder, names):
            if name.startswith(prefix):
                with guard():
                    records += filter(None, [kind.read(f"{folder}/{name}{_ENDING}")])
    return records


def json_files(folder: Path, prefix: str = "") -> list[Path]:
    """The files `<prefix>*.json` in a folder, by name, without unfinished ones. Raises OSError."""
    return [folder / f"{name}{_ENDING}" for name in json_names(folder) if name.startswith(prefix)]


def json_names(folder: Path, names: Sequence[str] | None = None) -> list[str]:
    """The names of the JSON files in a folder, ascending, without `.json`; unfinished files start with a dot.

    names: in the folder, where they were listed before. Raises OSError.
    """
    there = names_in(folder) if names is None else names
    return sorted(name.removesuffix(_ENDING) for name in there if name.endswith(_ENDING) and name[0] != ".")


def numbered(names: Sequence[str]) -> list[int]:
    """The numbers among the names in a folder, ascending."""
    return sorted(int(name) for name in names if name.isdecimal())


def names_in(folder: Path) -> list[str]:
    """The names in a folder, which need not exist. Raises OSError."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names alone; a Path for each takes longer than the call
    except (FileNotFoundError, NotADirectoryError):
        return []
