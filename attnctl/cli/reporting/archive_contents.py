"""What goes into an archive of a report: its runs' evidence, the table, and how to make it again."""

from __future__ import annotations

import itertools
import json
import shlex
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnctl import papers
from attnctl.cli import output
from attnctl.cli.reporting import paper_tables
from attnctl.cli.reporting.request import Gathered, Request, gather
from attnctl.db import Index
from attnctl.files import is_regular, read_regular
from attnctl.lifecycle.state import State
from attnctl.reports import lock as locks
from attnctl.reports import markdown, tabular
from attnctl.reports.exchange import readme, rerun_commands, run_files, secrets
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace import submissions, user_notes
from attnctl.workspace.layout import RELATIVE, Workspace
from attnctl.workspace.records import RecordError

_MOST_SECRETS = 3
"""Secrets that a message names."""

_CONFIG = b"# This folder is a workspace of attnctl.\n"


def find_report(index: Index, request: Request, lock: Path | None) -> Gathered:
    """The report, or the one that is frozen in a file. Raises SpecError, also when no run is behind it.

    request: with its table by its whole name, as `attnctl.cli.reporting.request.resolved` gives it
    """
    if lock is None:
        gathered = gather(index, request)
    else:
        frozen = locks.read(lock)
        if frozen is None:
            raise SpecError(f"there is no file {lock}; attnctl report --lock {lock} freezes a report in it")
        locks.check_request(lock, frozen, request.words())
        rows = index.runs(list(frozen.runs))
        locks.check_runs(lock, frozen, rows)
        gathered = Gathered(report=frozen.report, rows=rows)
    if not gathered.rows:
        raise SpecError("nothing to pack: this table has no runs yet")
    return gathered


def files(
    index: Index, request: Request, gathered: Gathered, lock: Path | None, *, weights: bool, scripts: bool
) -> dict[str, bytes | Path]:
    """The archive's files by name, each as a path or its bytes. Raises SpecError.

    scripts: with the job scripts, which contain the setup lines of the settings
    """
    workspace = index.workspace
    specs = run_files.with_ancestors(workspace, [row.id for row in gathered.rows])
    lists, used = run_files.software(workspace, list(specs))
    commands, records = _commands(index, request)
    cells = rerun_commands.commands(specs.values(), workspace.sources, "sources", _rows(gathered))
    commits = {start["commit"] for starts in used.values() for start in starts.values()} - {None}
    done = sum(row.state == State.COMPLETED for row in gathered.rows)
    words = f"{quantity(len(specs), 'run')}, {done} of them completed"
    made: dict[str, bytes | Path] = {
        "README.txt": readme.render(gathered.report.table.title, words, commands, sorted(commits), cells).encode(),
        "attnctl.toml": _CONFIG,
        "checkpoints.json": _json(run_files.digests(workspace, list(specs))),
        "lock.json": _locked(gathered, request) if lock is None else read_regular(lock),
        "software.json": _json(used),
        "table.json": tabular.render_json(gathered.report.table).encode(),
        "table.md": markdown.render(gathered.report.table).encode(),
    }
    packed = _without_links(workspace, {**dict(run_files.files(workspace, specs, weights=weights)), **records})
    bare = {} if scripts else _without_scripts(packed)
    return {**packed, **bare, **lists, **made}


def check_secrets(packed: Mapping[str, bytes | Path]) -> None:
    """Raise SpecError, which names it, when one of the files contains what looks like a secret."""
    found = list(itertools.islice(secrets.find(packed), _MOST_SECRETS + 1))
    if found:
        more = ", and more" if len(found) > _MOST_SECRETS else ""
        raise SpecError(
            f"not packed, because these look like secrets: {'; '.join(map(str, found[:_MOST_SECRETS]))}{more}; "
            "remove them, or pack them with --allow-secrets"
        )


def _without_links(workspace: Workspace, found: Mapping[str, Path]) -> dict[str, Path]:
    """The regular files; the others are named on standard error."""
    links = {name: _link_in(workspace, path) for name, path in found.items()}
    for words in filter(None, links.values()):
        output.note(f"left out: {words}; only regular files are packed")
    return {name: path for name, path in found.items() if links[name] is None}


def _without_scripts(packed: Mapping[str, Path]) -> dict[str, bytes]:
    """The submissions among the files, without their job scripts."""
    folder = RELATIVE.submission("").parent
    found = {name: path for name, path in packed.items() if Path(name).parent == folder}
    try:
        return {name: submissions.without_script(path) for name, path in found.items()}
    except RecordError as error:
        raise SpecError(f"{error}; --scripts packs it as it is") from error


def _link_in(workspace: Workspace, path: Path) -> str | None:
    """Why a file is not packed, in words: it is not a regular file, or it or a folder above it is a symbolic link."""
    roots = (workspace.checkpoints_root, workspace.runs, workspace.root)
    root = next((root for root in roots if root is not None and path.is_relative_to(root)), path.parent)
    for part in (path, *path.parents[: len(path.relative_to(root).parts) - 1]):
        if part.is_symlink():
            return f"{part} is a symbolic link"
    return None if is_regular(path) or not path.exists() else f"{path} is not a regular file"


def _rows(gathered: Gathered) -> Mapping[str, list[str]]:
    """Run id -> the names of the rows in which it is."""
    rows: dict[str, list[str]] = defaultdict(list)
    for name, row in gathered.report.rows():
        for run in dict.fromkeys(run for cell in row.cells for run in cell.runs):
            rows[run].append(name)
    return rows


def _commands(index: Index, request: Request) -> tuple[list[str], dict[str, Path]]:
    """The commands of the sweeps behind it, and their records, with the file of a user's paper, by name."""
    workspace = index.workspace
    if request.table is not None:
        table = paper_tables.chosen(request.paper, request.table, index)
        of = {sweep.name: sweep.paper for sweep in paper_tables.sweeps_of(index, table)}
    else:
        of = dict.fromkeys(request.sweeps, "")
    files = {f"sweeps/{name}.json": workspace.sweep(name) for name in sorted(of)}
    noted = {name: user_notes.of_sweep(workspace, name) for name in sorted(of)}
    files |= {path.relative_to(workspace.root).as_posix(): path for path in noted.values() if path.exists()}
    for paper in sorted({paper for paper in of.values() if paper and papers.is_file(paper)}):
        file = workspace.root / paper
        inside = file.resolve().is_relative_to(workspace.root.resolve())
        name = file.resolve().relative_to(workspace.root.resolve()).as_posix() if inside else f"papers/{file.name}"
        files[name] = file
    commands = {sweep.name: shlex.join(["attnctl", *sweep.command]) for sweep in index.sweeps() if sweep.name in of}
    return list(dict.fromkeys(commands.values())), files


def _locked(gathered: Gathered, request: Request) -> bytes:
    """The report frozen, as of when the last of its runs was heard of."""
    moment = max(row.heartbeat or row.since for row in gathered.rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lock.json"
        locks.write(path, gathered.report, gathered.rows, request.words(), moment)
        return path.read_bytes()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
