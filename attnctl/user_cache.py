"""A cache of slow results in the user's cache folder: one JSON file per key.

A key covers everything that its result depends on, so entries never become stale. If the folder cannot be read or
written, results are computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from attnctl.files import read_regular, write_atomic
from attnctl.workspace import untrusted_json

_LIBRARIES = ("torch", "torchvision", "timm")


def folder() -> Path:
    """The user's cache folder; it may not exist yet."""
    from platformdirs import user_cache_path  # takes 12 ms, and a training does not need it

    return user_cache_path("attnctl")


def key_of(*parts: Any) -> str:
    """The key of a result that depends on these JSON values: 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def digest_of(files: Iterable[Path]) -> str:
    """A digest of the contents of files, as a part of a key."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """The versions of the libraries that build networks; empty for one that is not installed."""
    versions = dict.fromkeys(_LIBRARIES, "")
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def read(kind: str, key: str) -> dict[str, Any] | None:
    """The cached result of a kind under its key; None when it is missing or unreadable."""
    try:
        return untrusted_json.loads_object(read_regular(folder() / kind / f"{key}.json"))
    except (OSError, ValueError):
        return None


def write(kind: str, key: str, answer: Mapping[str, Any]) -> None:
    """Store a result; a folder that cannot be written is ignored."""
    with contextlib.suppress(OSError):
        write_atomic(folder() / kind / f"{key}.json", json.dumps(answer).encode())
