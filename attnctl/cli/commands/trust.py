"""`attnctl trust`: let the commands of a settings file act."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attnctl import ownership
from attnctl.cli import context, output
from attnctl.settings import trust as trusted
from attnctl.settings.config import FILE_NAME, Config, nearest_file, read
from attnctl.values import SpecError
from attnctl.workspace import version


def trust(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH", help="An attnctl.toml, or its folder (default: the workspace).", show_default=False
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show what it runs or sends, and change nothing.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Trust the file no longer.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Let the commands of a settings file run.

    Setup lines, commands, webhooks and similar settings of attnctl.toml run or send something. They act only after you
    have trusted them; changed ones need to be trusted again. A file that belongs to somebody else is found from the
    folders below it only while you trust it, with exactly its content.

    Examples:
        attnctl trust --show
        attnctl trust /lab/experiments
    """
    if show and revoke:
        raise SpecError("use either --show or --revoke")
    file = _file(path)
    version.check(file.parent)
    if revoke:
        known = trusted.revoke(file)
        if as_json:
            output.document({"file": str(file), "trusted": False})
        else:
            output.line(f"{file} is trusted no longer" if known else f"{file} was not trusted")
        return
    if not file.is_file():
        raise SpecError(f"there is no {file}")
    config = read(file)
    if not show:
        trusted.accept(file, config.source or b"", config.acting)
    if as_json:
        output.document(_document(file, config))
    else:
        _print(file, config, show=show)


def _file(path: Path | None) -> Path:
    """The settings file that is meant. Raises SpecError."""
    if path is None:
        folder = context.named()
        file = nearest_file(Path.cwd()) if folder is None else folder / FILE_NAME
        if file is None:
            raise SpecError(f"there is no {FILE_NAME} here or in a folder above {Path.cwd()}; name one")
        return file
    path = path.expanduser()
    file = (path if path.name == FILE_NAME and not path.is_dir() else path / FILE_NAME).absolute()
    if path.exists() and not path.is_dir() and path.name != FILE_NAME:
        raise SpecError(f"{path} is neither an {FILE_NAME} nor a folder")
    return file.parent.resolve() / FILE_NAME


def _document(file: Path, config: Config) -> dict[str, object]:
    return {
        "file": str(file),
        "owner": ownership.user_name(file.stat().st_uid),
        "acting": {item.key: item.value for item in config.acting},
        "trusted": trusted.allows(file, config.acting),
    }


def _print(file: Path, config: Config, *, show: bool) -> None:
    concern = ownership.concern_of_entry(file)
    if concern:
        output.line(f"{file} {concern}")
    if not config.acting:
        output.line(f"{file} runs and sends nothing{'' if show else '; it is trusted with its content'}")
        return
    state = "is trusted" if trusted.allows(file, config.acting) else "is not trusted"
    output.line(f"{file} {state}; it runs or sends:")
    for item in config.acting:
        output.line(f"    {item}")
