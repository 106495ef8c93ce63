"""Reads VOC's lists of images, one name per line, as users' tools write them."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from attnctl.datasets.class_folders import is_image

_FLAGS = ("-1", "0", "1")


def parse(content: bytes, known: Collection[str] = ()) -> list[str]:
    """The names of the images in a list; raises ValueError whose text follows the name of the file.

    A name may contain blanks. known: names of images; a line that is one of them is the whole name. Otherwise a flag
    (-1, 0 or 1) at its end does not count, and a line may be paths of an image and its map, as in published train_aug
    lists.
    """
    try:
        lines = _decode_text(content).splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"is not text in UTF-8 or UTF-16: {error}") from error
    stems = [_stem(line, known) for text in lines if (line := text.strip())]
    if not stems:
        raise ValueError("is empty; it must list images")
    name, times = Counter(stems).most_common(1)[0]
    if times > 1:
        raise ValueError(f"lists {name} {times} times")
    return stems


def _decode_text(content: bytes) -> str:
    """A text file: UTF-8, or UTF-16 with a byte order mark, as PowerShell's `>` writes it."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


def _stem(line: str, known: Collection[str]) -> str:
    """The name of the image in a line of a list."""
    if line in known:
        return line
    first, *rest = line.split()
    if rest and rest[-1] in _FLAGS:
        return line.removesuffix(rest[-1]).rstrip()
    if Path(line).stem in known:
        first = line
    return Path(first).stem if is_image(first) else line
