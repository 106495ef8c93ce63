"""The console blocks of a document: what they say is typed, and what is printed then.

    ```console         on a machine without SLURM
    ```console slurm   on the real SLURM of `make slurm-up`

All blocks of one kind are one session, in one folder. Outputs are compared with their numbers masked: accuracies differ
between processors, and times between any two sessions.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 80
_BLOCK = re.compile(r"```(?P<kind>console[ a-z]*)\n(?P<text>.*?)```\n", re.DOTALL)
_PROGRESS = re.compile(r"\[\d+/\d+\] ")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Command:
    """A command of a document, and the output below it."""

    line: str
    output: str


def commands(document: str, kind: str) -> list[Command]:
    """The commands in the blocks of a kind, in their order."""
    found = []
    for block in _BLOCK.finditer(document):
        if block["kind"] == kind:
            for part in re.split(r"(?m)^\$ ", block["text"])[1:]:
                line, _, output = part.partition("\n")
                found.append(Command(line, output.strip("\n")))
    return found


def with_outputs(document: str, kind: str, outputs: Iterator[str]) -> str:
    """The document with other outputs below its commands."""

    def block(match: re.Match[str]) -> str:
        if match["kind"] != kind:
            return match[0]
        lines = [part.partition("\n")[0] for part in re.split(r"(?m)^\$ ", match["text"])[1:]]
        return f"```{kind}\n" + "\n".join(f"$ {line}\n{next(outputs)}\n" for line in lines).rstrip("\n") + "\n```\n"

    return _BLOCK.sub(block, document)


def run(line: str, folder: Path, environ: Mapping[str, str]) -> str:
    """What a command prints, as a reader sees it: what trains in a pipe, without its progress; else on a terminal."""
    argv = [sys.executable, "-m", *shlex.split(line)]
    trains = " sweep " in f" {line} " and "--dry-run" not in line
    environment = {**environ, "COLUMNS": str(COLUMNS), "TERM": "dumb"}
    if trains:
        done = subprocess.run(argv, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text, code = done.stdout.decode(), done.returncode
    else:
        text, code = _on_a_terminal(argv, folder, environment)
    assert code == 0, f"{line} ended with exit code {code}:\n{text}"
    return _shortened(text)


def _on_a_terminal(argv: list[str], folder: Path, environ: Mapping[str, str]) -> tuple[str, int]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(argv, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    data = b""
    try:
        while block := os.read(ours, 65536):
            data += block
    except OSError:  # Linux' way of saying that the other side has closed the terminal (EIO)
        data += b""
    os.close(ours)
    return _ESCAPES.sub("", data.decode()).replace("\r\n", "\n"), process.wait()


def _shortened(text: str) -> str:
    """The lines without trailing blanks; all progress as one line of dots."""
    lines: list[str] = []
    for line in text.splitlines():
        if not _PROGRESS.match(line):
            lines.append(line.rstrip())
        elif not lines or lines[-1] != "...":
            lines.append("...")
    return "\n".join(lines).strip("\n")


def masked(text: str) -> list[str]:
    """The lines with numbers masked, and what stands in a column whatever its width."""
    without_rules = re.sub(r"[─━]+", "─", text)
    numbers = re.sub(r"\d+(?:[.,:-]\d+)*(?: (?:ms|s|min|h|days?))?", "#", without_rules)
    return [" ".join(line.split()) for line in numbers.splitlines()]
