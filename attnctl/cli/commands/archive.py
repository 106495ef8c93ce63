"""`attnctl archive`: everything behind a table in one file, which can be checked and retrained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from attnctl.cli import completion, context, errors, output, output_files, sweep_records
from attnctl.lifecycle.state import State
from attnctl.units import quantity
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.cli.reporting.request import Request
    from attnctl.db import Index, RunRow

Contents: TypeAlias = "tuple[Sequence[RunRow], dict[str, bytes | Path]]"
"""The runs behind a table, and the files of its archive by name."""

ENDINGS = (".tar.gz", ".tgz")


def archive(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE|SWEEP",
            help="A paper's table, such as ela:3, or a sweep.",
            autocompletion=completion.sweeps,
        ),
    ] = None,
    paper: Annotated[
        str | None,
        typer.Option(help="The table's paper, or a paper file.", metavar="NAME|FILE", autocompletion=completion.papers),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.tar.gz", help="Output file.", show_default=False)
    ] = None,
    lock: Annotated[
        Path | None, typer.Option(help="Pack the report frozen in FILE, with its runs.", metavar="FILE")
    ] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Include the newest checkpoint of each run, not only its SHA-256.")
    ] = False,
    scripts: Annotated[
        bool, typer.Option("--scripts", help="Include the job scripts, with the setup lines of your settings.")
    ] = False,
    allow_secrets: Annotated[
        bool, typer.Option("--allow-secrets", help="Pack files even if they contain what looks like a secret.")
    ] = False,
    check: Annotated[
        Path | None, typer.Option(help="Check every file of an archive against its manifest.", metavar="FILE.tar.gz")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.tar.gz.")] = False,
    as_json: context.AsJson = False,
) -> int:
    """Pack everything behind a table into one file.

    The unpacked archive is a workspace: attnctl can report from it, merge it into another workspace, and retrain it
    with the commands in its README.txt. The same runs give the same bytes. Settings and job scripts stay behind, and
    files that contain what looks like a key, token or password are named and not packed.

    Examples:
        attnctl archive ela:5 -o ela5.tar.gz
        attnctl archive --check ela5.tar.gz
    """
    if check is not None:
        if target is not None or file is not None or lock is not None:
            raise SpecError("--check takes an existing archive; remove the other arguments")
        return _check(check, as_json=as_json)
    if file is None:
        raise SpecError("missing -o FILE, such as -o table3.tar.gz (--check FILE checks an existing archive)")
    if not file.name.endswith(ENDINGS):
        raise SpecError(f"{str(file)[:200]!r}: the name of an archive must end in .tar.gz")
    output_files.check_file(file, force=force)
    with context.index() as index:
        index.refresh()
        request = _request(index, target, paper, lock)
        contents = _contents(index, request, lock, weights=weights, scripts=scripts, allow_secrets=allow_secrets)
        _pack(contents, file, _slug(request, lock), as_json=as_json)
    return errors.OK


def _check(file: Path, *, as_json: bool) -> int:
    from attnctl.reports.exchange import archive as archives

    if not str(file).isprintable() or not file.is_file():
        raise SpecError(f"there is no file {str(file)[:200]!r}")
    result = archives.check(file)
    if as_json:
        output.document(vars(result))
    elif result.faults:
        for fault in result.faults:
            output.note(f"{file}: {fault}")
    else:
        output.line(f"{file}: {quantity(result.files, 'file')} of {quantity(result.runs, 'run')}, all unchanged")
    return errors.OURS if result.faults else errors.OK


def _request(index: Index, target: str | None, paper: str | None, lock: Path | None) -> Request:
    """The report to pack: of the sweep of that name if there is one, else of the table with that full name."""
    from attnctl.cli.reporting.request import Request, resolved

    if target is None and lock is None:
        raise SpecError("missing TABLE or SWEEP: name a table, such as ela:3, or a sweep")
    if target is None:
        return Request()
    sweeps = index.workspace.sweep_names()
    if paper is None and (target in sweeps or not (":" in target or target.isdecimal())):
        return Request(sweeps=(sweep_records.read(index.workspace, target).name,))
    return resolved(index, Request(table=target, paper=paper))


def _contents(
    index: Index, request: Request, lock: Path | None, *, weights: bool, scripts: bool, allow_secrets: bool
) -> Contents:
    """The runs behind the table, and the files to pack."""
    from attnctl.cli.reporting import archive_contents

    gathered = archive_contents.find_report(index, request, lock)
    with _explain_unreadable():
        files = archive_contents.files(index, request, gathered, lock, weights=weights, scripts=scripts)
        if not allow_secrets:
            archive_contents.check_secrets(files)
    return gathered.rows, files


def _pack(contents: Contents, file: Path, folder: str, *, as_json: bool) -> None:
    from attnctl.reports.exchange import archive as archives

    rows, files = contents
    with _explain_unreadable(), archives.packing(file, folder) as packer:
        for name in output_files.tracked(sorted(files), "packing"):
            packer.add(name, files[name])
    _print_result(file, rows, len(files) + 1, as_json=as_json)


@contextmanager
def _explain_unreadable() -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise SpecError(
            f"cannot pack {error.filename}: you have no permission to read it; ask its owner to pack the archive"
        ) from error


def _print_result(file: Path, rows: Sequence[RunRow], count: int, *, as_json: bool) -> None:
    unfinished = [row.id for row in rows if row.state != State.COMPLETED]
    if as_json:
        output.document({"file": str(file), "files": count, "runs": len(rows), "not_completed": unfinished})
        return
    if unfinished:
        output.note(f"not completed: {len(unfinished)} of {quantity(len(rows), 'run')}; the table shows their states")
    output.note(f"written: {file} ({quantity(count, 'file')} of {quantity(len(rows), 'run')})")


def _slug(request: Request, lock: Path | None) -> str:
    """The name of the archive's top folder."""
    name = "-".join(filter(None, (request.paper, request.table, *request.sweeps))) or (lock.stem if lock else "")
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-.") or "table"
