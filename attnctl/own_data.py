"""The names of users' own data sets, such as `flowers@1f0c9a3b7e`: the folder's name and a hash of the description.

A description is the JSON text of what a training must know of the data, and says its content: see
`attnctl.datasets.own`. A run's spec holds it, so that the spec can be read where the data and its folder are unknown.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from attnctl.units import quantity
from attnctl.values import comma_join

_SEPARATOR = "@"
_DIGITS = 10
_LONGEST = 60
_NAME = re.compile(rf"[\w.-]{{1,{_LONGEST}}}{_SEPARATOR}[0-9a-f]{{{_DIGITS}}}")

DESCRIPTIONS: dict[str, str] = {}
"""By name: the descriptions that this process has read or made."""


def is_own(name: str) -> bool:
    """Whether a run's data set is a user's own: built-in and packaged ones have no `@` in their names."""
    return _SEPARATOR in name


def stem(name: str) -> str:
    """The name without the hash, which is that of the folder."""
    return name.rpartition(_SEPARATOR)[0] or name


def name_of(folder: str, description: str) -> str:
    """The name of a data set. folder: the folder's name, of which other characters than letters become hyphens."""
    plain = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", folder)).strip("-.")[:_LONGEST]
    return f"{plain or 'data'}{_SEPARATOR}{_digest(description)}"


def remember(name: str, description: str) -> None:
    """Keep the description of a data set for this process; raises ValueError if it is not that of the name."""
    if not _NAME.fullmatch(name) or not name.endswith(_SEPARATOR + _digest(description)):
        raise ValueError(f"{name!r:.80} is not the name of the data set that is described")
    DESCRIPTIONS[name] = description


@lru_cache(maxsize=64)
def code_version(description: str) -> str:
    """The version of the user's file whose code makes the data set of a description; empty if no code does."""
    if '"code_version"' not in description:
        return ""
    try:
        version = json.loads(description).get("code_version")
    except (ValueError, AttributeError, RecursionError):  # an own data set's description is checked when it is used
        return ""
    return version if isinstance(version, str) else ""


def may_be_recorded(folder: Path) -> bool:
    """Whether the folder datasets/ of a workspace may hold records of users' own data sets."""
    try:
        return any(_SEPARATOR in path.name for path in folder.iterdir())
    except OSError:
        return False


def _digest(description: str) -> str:
    return hashlib.sha256(description.encode()).hexdigest()[:_DIGITS]


def namesakes(names: Iterable[str]) -> Iterator[str]:
    """A note for each name with several hashes. names: of the data set of each run."""
    counts = Counter(name for name in names if is_own(name))
    for folder in sorted({stem(name) for name in counts}):
        alike = [f"{name} ({quantity(count, 'run')})" for name, count in counts.items() if stem(name) == folder]
        if len(alike) > 1:
            yield (
                f"the data set {folder} has changed, or is split in several ways: {comma_join(alike)} are different "
                "data sets, and their runs are kept apart"
            )
