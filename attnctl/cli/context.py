"""What every command stands on: the workspace that was chosen, its settings and its index."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl import own_data, ownership
from attnctl.files import GROUP_UMASK
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.db import Index
    from attnctl.settings.config import Config

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
"""The option of every command that can answer a program."""

_WORDS: ContextVar[tuple[str, ...]] = ContextVar("words", default=())
_CHOSEN: ContextVar[Path | None] = ContextVar("workspace", default=None)
_FROZEN: ContextVar[Config | None] = ContextVar("frozen", default=None)
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
_TOLD: set[Path] = set()


def begin(words: Sequence[str], *, quiet: bool = False) -> None:
    """Remember the command line. quiet: it is for the shell's completion, which shows no messages."""
    _WORDS.set(tuple(words))
    _QUIET.set(quiet)
    _TOLD.clear()
    ownership.PASSED_BY.clear()


def completed_words() -> list[str]:
    """The words of the command line that the shell wants to complete, with the one that is being typed."""
    return " ".join(os.environ.get(name, "") for name in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")).split()


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

    found = _FROZEN.get() or find(_CHOSEN.get(), Path.cwd(), os.environ)
    tell_passed_by()
    if not new and not found.workspace.root.is_dir():
        raise ConfigError(
            f"workspace {found.workspace.root} does not exist; create it with `attnctl init` or `attnctl sweep`"
        )
    if found.workspace.group:
        os.umask(GROUP_UMASK)
    if own_data.may_be_recorded(found.workspace.datasets):
        from attnctl.datasets import own  # takes 0.1 s, and most workspaces have none

        own.recorded(found.workspace.datasets)  # so that these data sets can be named
    return found


def freeze(settings: Config) -> None:
    """Run this command with these settings, instead of its user, whose command it repeats."""
    _FROZEN.set(settings)


def is_repeated() -> bool:
    """Whether a job repeats the command: see `freeze`."""
    return _FROZEN.get() is not None


def named() -> Path | None:
    """The folder of the workspace that --workspace or ATTNCTL_WORKSPACE names."""
    name = _CHOSEN.get() or os.environ.get("ATTNCTL_WORKSPACE")
    return (Path.cwd() / name).resolve() if name else None


def folder() -> Path:
    """The workspace's folder itself, whatever its settings say: the one that was named, else this one."""
    return named() or Path.cwd()


def tell_passed_by() -> None:
    """Say, once and on one line, which files and folders do not count because others own or can write them."""
    new = {path: concern for path, concern in ownership.PASSED_BY.items() if path not in _TOLD}
    _TOLD.update(new)
    if not new or _QUIET.get():
        return
    from attnctl.cli import output
    from attnctl.settings.config import FILE_NAME

    settings = next((path for path in new if path.name == FILE_NAME), None)
    advice = f"; name the workspace with --workspace, or run `attnctl trust {shlex.quote(str(settings))}`"
    listed = ", ".join(f"{path} {concern}" for path, concern in new.items())
    output.note(f"ignored: {listed}{advice if settings else ''}")


def index() -> Index:
    """The index of the workspace, a context manager; raises SpecError. Says if another file is in its place."""
    from attnctl.cli import output
    from attnctl.db import open_index

    opened = open_index(config().workspace)
    if opened.foreign:
        output.note(opened.foreign)
    return opened
