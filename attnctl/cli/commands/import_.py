"""`attnctl import`: results measured or published elsewhere, which reports show, marked, beside ours."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from attnctl.cli import context, output, run_selection
from attnctl.cli.table_layout import Column
from attnctl.files import create_exclusive
from attnctl.units import clock, quantity
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Imported, ImportedFile

_LARGEST = 64 << 20
"""The maximum size in bytes of an imported file."""

_NUMBERS = (
    Column("table or backbone"),
    Column("row"),
    Column("dataset", once=True, drop=1),
    Column("seed", once=True),
    Column("values", wrap=14),
    Column("source", once=True, wrap=14, drop=2),
)
_FILES = (
    Column("id"),
    Column("when"),
    Column("by", once=True, drop=1),
    Column("file", shrink=16),
    Column("numbers"),
    Column("source", wrap=14, drop=2),
)


def import_(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.csv", help="CSV or JSON file with a header line.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Where the numbers come from, such as 'Table 5 of ...' (default: the file's name).", metavar="TEXT"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be imported, and write nothing.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List what was imported.")] = False,
    remove: Annotated[
        str | None, typer.Option(metavar="ID", help="Remove an import by its id, or the first digits of it.")
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """Import results measured or published elsewhere.

    Each line of the file is a row of a paper's table (columns table, row) or of a comparison (columns label, backbone,
    dataset; optional placement, seed). The other columns are numbers, named as the table's columns or as metrics: top1,
    top5, params, macs, fps. Reports mark these numbers as imported.

    Examples:
        attnctl import results.csv --source "Table 5 of the paper" --dry-run
        attnctl import --list
    """
    if sum((file is not None, listing, remove is not None)) != 1:
        raise SpecError("give one of: a file, --list, --remove ID")
    workspace = context.config(new=file is not None and not dry_run).workspace
    if file is not None:
        _import_file(workspace, file, source, dry_run=dry_run, as_json=as_json)
    elif remove is not None:
        _remove(workspace, remove, dry_run=dry_run, as_json=as_json)
    else:
        _list(workspace, as_json=as_json)


def _import_file(workspace: Workspace, file: Path, source: str | None, *, dry_run: bool, as_json: bool) -> None:
    import getpass

    from attnctl.cli.reporting import paper_tables
    from attnctl.db import open_index
    from attnctl.reports.exchange import results

    if source is not None and not (source.strip() and source.isprintable()):
        raise SpecError(f"--source is {source!r}; it must be one line of text, such as 'Table 5 of ...'")
    source_name = source.strip() if source else file.name
    with open_index(workspace) as index:
        index.refresh()
        find = functools.cache(
            lambda text: paper_tables.chosen(None, text, index)
        )  # cached, so that it asks, or prints its guess, once per table
        imported = results.read(_bytes(file), str(file), source_name, find)
    record = ImportedFile(
        file=file.name,
        at=time.time(),
        user=getpass.getuser(),
        records=[dataclasses.asdict(item) for item in imported.records],
    )
    path = workspace.import_file(record.id)
    exists = path.exists()
    if not exists and not dry_run:
        create_exclusive(path, record.encode())
    for warning in imported.warnings:
        output.note(warning)
    if as_json:
        output.document({"id": record.id, "new": not exists, "records": record.records, "warnings": imported.warnings})
        return
    if dry_run:
        _show(imported.records)
    numbers = sum(len(item.values) for item in imported.records)
    outcome = "already exists" if exists else "would be added" if dry_run else "added"
    output.line(f"{file.name}: {quantity(numbers, 'number')}; import {record.id} {outcome}")


def _bytes(file: Path) -> bytes:
    if not str(file).isprintable() or not file.is_file():
        raise SpecError(f"there is no file {str(file)[:200]!r}")
    if file.stat().st_size > _LARGEST:
        raise SpecError(f"{file} is larger than {_LARGEST >> 20} MiB: this is too large for a table of results")
    return file.read_bytes()


def _show(records: Sequence[Imported]) -> None:
    rows = [
        [
            item.table or item.backbone,
            item.row or item.label,
            item.dataset,
            "" if item.seed is None else str(item.seed),
            " ".join(f"{name}={value:g}" for name, value in item.values.items()),
            item.source,
        ]
        for item in records
    ]
    output.table(_NUMBERS, rows)


def _list(workspace: Workspace, *, as_json: bool) -> None:
    files = workspace.import_files()
    if as_json:
        output.document({"imports": [{"id": item.id, **dataclasses.asdict(item)} for item in files]})
        return
    if not files:
        output.line("nothing has been imported yet")
        return
    rows = [
        [
            item.id,
            clock(item.at, seconds=False),
            item.user,
            item.file,
            str(sum(len(record.values) for record in item.imported())),
            ", ".join(dict.fromkeys(record.source for record in item.imported())),
        ]
        for item in files
    ]
    output.table(_FILES, rows)


def _remove(workspace: Workspace, text: str, *, dry_run: bool, as_json: bool) -> None:
    name = run_selection.by_prefix(text, workspace.import_ids(), "import")
    if not dry_run:
        workspace.import_file(name).unlink()
    if as_json:
        output.document({"removed": name})
    else:
        output.line(f"import {name} {'would be removed' if dry_run else 'removed'}")
