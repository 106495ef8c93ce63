"""Answers that took time to find, kept in the user's cache folder: one JSON file each, under a key.

A key names everything that its answer depends on, so no answer ever becomes wrong. A folder that cannot be read or
written costs time, not the answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from attnctl.files import write_atomic
from attnctl.workspace import untrusted_json

_LIBRARIES = ("torch", "torchvision", "timm")


def folder() -> Path:
    """The user's cache folder; it may not exist yet."""
    from platformdirs import user_cache_path  # 12 ms, and a training does without it

    return user_cache_path("attnctl")


def key_of(*parts: Any) -> str:
    """The key of an answer that depends on these JSON values: 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def digest_of(files: Iterable[Path]) -> str:
    """A digest of the contents of files, for a key."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """The versions of the libraries that networks are built with, empty for one that is not installed."""
    found = dict.fromkeys(_LIBRARIES, "")
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def read(kind: str, key: str) -> dict[str, Any] | None:
    """The answer of a kind under its key; None when there is none, or what is there cannot be read."""
    try:
        return untrusted_json.loads_object((folder() / kind / f"{key}.json").read_bytes())
    except (OSError, ValueError):
        return None


def write(kind: str, key: str, answer: Mapping[str, Any]) -> None:
    """Keep an answer."""
    with contextlib.suppress(OSError):
        write_atomic(folder() / kind / f"{key}.json", json.dumps(answer).encode())
