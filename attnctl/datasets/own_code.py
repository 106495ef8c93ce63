"""Users' own data sets that Python code makes: `--dataset ./flowers.py:make`.

The code runs in a process of its own (`attnctl.jobs.data.measured`), which answers with what was measured. It runs for
each command that names the file, since only so it is known whether its data have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from attnctl import sources
from attnctl.sources import isolated
from attnctl.sources.callables import Form, read_callable

EXAMPLE = "./flowers.py:make"

FOLDER = "folder"
"""The parameter that gets the folder of the data: that of the file, unless the settings name another."""

_FORM = Form((), (), (FOLDER,))
_SECONDS = 1800.0  # labels of a data set that has no list of them are read item by item


@dataclass(frozen=True)
class Made:
    """A data set as it was measured. values: the fields of its description; folder: that of the file."""

    stem: str
    values: Mapping[str, Any]
    folder: Path
    notes: tuple[str, ...]


def is_reference(text: str) -> bool:
    """Whether a name refers to a Python file, and not to a folder."""
    return text.partition(":")[0].endswith(".py") and not Path(text).expanduser().is_dir()


def measure(text: str, test: float | None, seed: int) -> Made:
    """The data set that the class or function of a file makes; raises SpecError. test, seed: of the split, as typed."""
    reference = sources.parse(text, "dataset", EXAMPLE)
    source = sources.read(reference.file)
    declared = read_callable(source.files[source.entry], reference.file, reference.attribute, _FORM)
    source = sources.narrowed(source, declared.name)
    folder = (source.origin / source.entry).parent
    return _measured(f"{source.stem}:{declared.name}", source.version, folder, test, seed)


@lru_cache(maxsize=16)
def _measured(code: str, version: str, folder: Path, test: float | None, seed: int) -> Made:
    request = {"code": code, "version": version, "folder": str(folder), "test": test, "seed": seed}
    answer = isolated.ask(
        "attnctl.jobs.data.measured", request, [version], what=f"measuring the data set {code}", seconds=_SECONDS
    )
    return Made(code.partition(":")[0], answer["values"], folder, tuple(answer["notes"]))
