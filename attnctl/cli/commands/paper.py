"""`attnctl paper`: a paper of one's own, as a file of tables."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.table_layout import Column
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.papers.check import CheckedPart

_NAME = re.compile(r'^name = "mine" +(?=#)', re.MULTILINE)
"""The line of the skeleton that is each paper's own."""

_OWN_NAME = re.compile(r'^name = "(.+)"$', re.MULTILINE)
"""The first name in a paper's file, which is the paper's."""

_COLUMNS = (
    Column(""),
    Column("rows"),
    Column("runs per seed"),
    Column("waiting", wrap=16),
    Column("caption", wrap=24, drop=1),
)


def new(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The file to write, such as my.toml.", show_default=False)
    ],
) -> int:
    """Write a commented paper file to start from.

    The file has tables, groups of rows, columns and a figure. It explains every key, and its example can be trained as
    it is. An existing file is not replaced.

    Examples:
        attnctl paper new my.toml
    """
    from attnctl import papers
    from attnctl.files import create_exclusive

    path = Path(file).expanduser()
    if path.suffix != ".toml":
        raise SpecError(f"{file} must end in .toml, so that --paper recognises a file")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.stem).strip("-.") or "mine"
    name = f"my-{name}" if name.lower() in papers.names() else name
    line = f'name = "{name}"'
    text = _NAME.sub(lambda found: f"{line:<{len(found[0]) - 1}} ", papers.SKELETON.read_text(encoding="utf-8"))
    if path.exists() or not create_exclusive(path, text.encode()):
        raise SpecError(f"{file} already exists; choose another name")
    output.line(f"{file} written; `attnctl paper check {file}` lists what it contains")
    return 0


def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The paper's file.", show_default=False)],
    as_json: context.AsJson = False,
) -> int:
    """Check a paper file, or show which line is wrong.

    Looks up every name in the file: modules and their hyperparameters, backbones and placements, data sets, recipes and
    counting methods. Nothing is trained or written.

    Examples:
        attnctl paper check my.toml
    """
    from attnctl import papers
    from attnctl.papers.check import check as checked

    if not papers.is_file(file):
        raise SpecError(f"{file!r} is not a paper file; name one such as my.toml")
    paper, parts = checked(file)
    if as_json:
        output.document({"file": file, "name": paper.name, "title": paper.title, "parts": [asdict(p) for p in parts]})
        return 0
    output.line(f"{paper.name}: {paper.title}")
    output.line()
    output.table(_COLUMNS, [_cells(part) for part in parts])
    return 0


def export(
    paper: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="an, ean, ela, ema or nam.", show_default=False, autocompletion=completion.papers
        ),
    ],
) -> int:
    """Print the file of a paper that attnctl has, to edit.

    Redirect the output into a file of your own, such as mine.toml; then --table ./mine.toml:5 gives the same runs as
    --table ela:5. The paper in it is called my-NAME, because a file cannot have the name of a paper that attnctl has.

    Examples:
        attnctl paper export ela
    """
    from attnctl import papers

    name = papers.load(paper).name.lower()
    if name not in papers.names():
        raise SpecError(f"{paper} is a file of your own; copy it")
    text = (papers.FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    output.line(_OWN_NAME.sub(lambda found: f'name = "my-{found[1]}"', text, count=1).removesuffix("\n"))
    return 0


def _cells(part: CheckedPart) -> list[str]:
    waiting = ", ".join(f"{rows} for {task}" for task, rows in part.waiting.items())
    return [part.name, str(part.rows), str(part.runs), waiting, part.caption]
