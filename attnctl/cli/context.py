"""What every command stands on: the workspace that was chosen, its settings and its index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.files import GROUP_UMASK
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.db import Index
    from attnctl.settings.config import Config

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
"""The option of every command that can answer a program."""

_WORDS: ContextVar[tuple[str, ...]] = ContextVar("words", default=())
_CHOSEN: ContextVar[Path | None] = ContextVar("workspace", default=None)


def begin(words: Sequence[str]) -> None:
    """Remember the command line."""
    _WORDS.set(tuple(words))


def command() -> list[str]:
    """The command line, without the program's name."""
    return list(_WORDS.get())


def choose(workspace: str | None) -> None:
    """Use the folder of `--workspace` for the rest of this command; raises SpecError for an invalid name."""
    if workspace is not None and (not workspace.strip() or not workspace.isprintable()):
        raise SpecError(f"workspace {workspace!r} is not a folder name; write it as --workspace experiments")
    _CHOSEN.set(None if workspace is None else Path(workspace).expanduser())


def config(*, new: bool = False) -> Config:
    """The workspace and its settings. new: it may be about to be made. Raises ConfigError."""
    from attnctl.settings.config import ConfigError, find

    found = find(_CHOSEN.get(), Path.cwd(), os.environ)
    if not new and not found.workspace.root.is_dir():
        raise ConfigError(
            f"workspace {found.workspace.root} does not exist; create it with `attnctl init` or `attnctl sweep`"
        )
    if found.workspace.group:
        os.umask(GROUP_UMASK)
    return found


def folder() -> Path:
    """The workspace's folder itself, whatever its settings say: the one that was named, else this one."""
    named = _CHOSEN.get() or os.environ.get("ATTNCTL_WORKSPACE")
    return (Path.cwd() / named).resolve() if named else Path.cwd()


def index() -> Index:
    """The index of the workspace, a context manager; raises SpecError. Says if another file is in its place."""
    from attnctl.cli import output
    from attnctl.db import open_index

    opened = open_index(config().workspace)
    if opened.foreign:
        output.note(opened.foreign)
    return opened
