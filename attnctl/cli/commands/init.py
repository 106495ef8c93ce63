"""`attnctl init`: the settings file of a workspace."""

from __future__ import annotations

from typing import Annotated

import typer

from attnctl.cli import context, output
from attnctl.files import create_exclusive, write_atomic
from attnctl.settings.config import FILE_NAME, TEMPLATE
from attnctl.values import SpecError
from attnctl.workspace import version


def init(force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False) -> None:
    """Write a commented attnctl.toml.

    Examples:
        attnctl init
    """
    version.check(context.folder())
    file = context.folder() / FILE_NAME
    if force:
        write_atomic(file, TEMPLATE.encode())
    elif file.exists() or not create_exclusive(file, TEMPLATE.encode()):
        raise SpecError(f"{file} already exists; --force replaces it")
    output.line(f"{file} written; every line in it is optional")
