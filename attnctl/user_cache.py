"""A cache of slow results in the user's cache folder: one JSON file per key.

A key covers everything that its result depends on, so entries never become stale. If the folder cannot be read or
written, results are computed again. It may lie in a place that others can write too (XDG_CACHE_HOME=/tmp/cache), so it
is used only if it is this user's own, no link, and closed to others; what else is there is passed by, in one line.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attnctl.files import own_folder, read_regular, write_atomic
from attnctl.workspace import untrusted_json

log = logging.getLogger(__name__)

NOWHERE = Path(os.devnull, "attnctl")
"""A folder that cannot exist."""

PREPARED = frozenset({errno.EPERM, errno.ELOOP, errno.ENOTDIR})
"""The errors of `own` for a folder that somebody else may have prepared."""

_LIBRARIES = ("torch", "torchvision", "timm")


def folder() -> Path:
    """The user's cache folder; it may not exist yet. NOWHERE for a user without a home folder."""
    from platformdirs import user_cache_path  # takes 12 ms, and a training does not need it

    try:
        path = user_cache_path("attnctl")
    except RuntimeError:  # older releases of platformdirs return ~/.cache, which is below the current folder
        return NOWHERE
    return path if path.is_absolute() else NOWHERE


def own() -> Path:
    """The user's cache folder, made if need be. Raises OSError if another user could have put something into it."""
    path = folder()
    if path == NOWHERE:
        raise FileNotFoundError(errno.ENOENT, "you have no home folder", "~/.cache/attnctl")
    own_folder(path)
    return path


@functools.cache
def _usable(path: Path) -> bool:
    """Whether the cache folder is the user's own. What somebody else may have prepared is reported once."""
    try:
        own()
    except OSError as error:
        if error.errno in PREPARED:
            advice = "delete it, or set XDG_CACHE_HOME to a folder of your own"
            log.warning("%s: %s, so nothing is cached; %s", path, error.strerror, advice)
        return False
    return True


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
    from importlib import metadata  # takes 20 ms, and a command that only reads does not need it

    versions = dict.fromkeys(_LIBRARIES, "")
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def read(kind: str, key: str) -> dict[str, Any] | None:
    """The cached result of a kind under its key; None when it is missing or unreadable."""
    if not _usable(folder()):
        return None
    try:
        return untrusted_json.loads_object(read_regular(folder() / kind / f"{key}.json"))
    except (OSError, ValueError):
        return None


def write(kind: str, key: str, answer: Mapping[str, Any]) -> None:
    """Store a result; a folder that cannot be written is ignored."""
    if not _usable(folder()):
        return
    with contextlib.suppress(OSError):
        write_atomic(folder() / kind / f"{key}.json", json.dumps(answer).encode())
