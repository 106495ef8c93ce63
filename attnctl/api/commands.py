"""Runs commands for programs: what a command prints with --json becomes values, and its error an exception."""

from __future__ import annotations

import contextlib
import gc
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attnctl.cli import main
from attnctl.cli.errors import INTERRUPTED, THEIRS
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json

_NAME = "attnctl: "


@dataclass(frozen=True)
class Answer:
    """The JSON object that a command prints, and its messages."""

    document: dict[str, Any]
    messages: tuple[str, ...]


def run(words: Sequence[str], workspace: str | os.PathLike[str]) -> Answer:
    """Run a command with --json. Raises SpecError for an invalid request, and RuntimeError for an internal error."""
    printed, told = io.StringIO(), io.StringIO()
    thresholds = gc.get_threshold()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told):
            code = main(["--workspace", os.fspath(workspace), *words, "--json"])
    finally:
        gc.set_threshold(*thresholds)  # a command has its own, which is not meant for long programs
    messages = [line for line in told.getvalue().splitlines() if line]
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code == THEIRS or not printed.getvalue():
        reason = messages[-1].removeprefix(_NAME) if messages else f"the command ended with code {code}"
        raise (SpecError if code == THEIRS else RuntimeError)(reason)
    return Answer(untrusted_json.loads_object(printed.getvalue()), tuple(messages))
