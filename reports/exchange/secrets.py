"""Finds what looks like a secret in files that are to be handed on: keys, tokens, passwords, addresses of webhooks.

A finding never shows more than a few characters of it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from attnctl.files import open_regular

_NAMES = rb"(?:API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIALS?)"
_PATTERNS = (
    # export WANDB_API_KEY=..., in a job script or, with its quotes escaped, in a JSON string
    re.compile(
        rb"\b(?P<name>[A-Z0-9_]*" + _NAMES + rb"[A-Z0-9_]*)=\\?[\"']?(?P<value>[\w+-][^\s\"'\\;,()\[\]]{5,}+)(?![(\[])"
    ),
    # "api_key": "...", token = '...'
    re.compile(
        rb"(?i)\b(?P<name>\w*" + _NAMES + rb"\w*)\\?[\"']?\s*[=:]\s*\\?[\"'](?P<value>(?=[^\s\"'\\]*\d)[^\s\"'\\]{8,})"
    ),
    re.compile(
        rb"\b(?P<value>hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}"
        rb"|sk-[\w-]{20,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,})"
    ),
    re.compile(rb"(?i)\b(?P<name>bearer) (?P<value>[\w.~+/-]{20,})"),
    re.compile(rb"(?P<name>https?://[^\s/:@\"']+):(?P<value>[^\s/:@\"']+)@"),
    re.compile(
        rb"(?P<name>https://hooks\.slack\.com|https://discord(?:app)?\.com/api/webhooks"
        rb"|https://[\w.-]+\.webhook\.office\.com)(?P<value>/[^\s\"'\\]{8,})"
    ),
    re.compile(rb"(?P<value>-----BEGIN [A-Z ]*PRIVATE KEY-----)"),
)
_WORDS: tuple[bytes, ...] = (
    b"key",
    b"secret",
    b"token",
    b"passw",
    b"credential",
    b"hf_",
    b"gh",
    b"glpat-",
    b"sk-",
    b"xox",
    b"bearer",
)
_WORDS += (b"akia", b"webhook", b"hooks.", b"@")
"""One of these is in every secret, in lower case; to look for them is much faster than the patterns are."""

_ESCAPED = re.compile(rb"\\[nrt]")
"""A line break in a JSON string."""

_BLOCK = 1 << 20
_BINARY = ".pt"
_SHOWN = 4


@dataclass(frozen=True)
class Finding:
    """text: the start of the secret, after the name that it is given."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: {self.text}"


def find(files: Mapping[str, bytes | Path]) -> Iterator[Finding]:
    """What looks like a secret in the files of an archive, by their names. Checkpoints are not searched."""
    for name, content in sorted(files.items()):
        if name.endswith(_BINARY):
            continue
        if isinstance(content, bytes):
            yield from _in_lines(name, 1, content.splitlines())
            continue
        with io.BufferedReader(cast("Any", open_regular(content))) as stream:
            number = 1
            while lines := stream.readlines(_BLOCK):
                yield from _in_lines(name, number, lines)
                number += len(lines)


def _in_lines(name: str, first: int, lines: Iterable[bytes]) -> Iterator[Finding]:
    for number, line in enumerate(lines, first):
        lowered = line.lower()
        if any(word in lowered for word in _WORDS):
            yield from (Finding(name, number, text) for text in _in_line(line))


def _in_line(line: bytes) -> Iterator[str]:
    line = _ESCAPED.sub(b" ", line)
    seen: list[tuple[int, int]] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(line):
            start, end = match.span("value")
            if not any(start < other_end and other_start < end for other_start, other_end in seen):
                seen.append((start, end))
                yield _masked(match)


def _masked(match: re.Match[bytes]) -> str:
    name, value = match.groupdict().get("name") or b"", match["value"]
    start = value[: min(_SHOWN, len(value) // 4)]
    shown = b"".join((name, b" " if name else b"", start)).decode(errors="replace")
    return f"{shown}... ({len(value)} characters)"
