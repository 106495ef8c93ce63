"""`attnctl db`, as it is typed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.commands.reported import swept_modules


def test_the_database_is_located_and_rebuilt(tmp_path: Path, attnctl: Run) -> None:
    workspace = swept_modules(tmp_path, "none", "ela")
    path = attnctl("--workspace", str(workspace.root), "db", "path").out.strip()
    assert path == str(workspace.root / "attnctl.sqlite")
    rebuilt = attnctl("--workspace", str(workspace.root), "db", "rebuild")
    assert (rebuilt.code, rebuilt.out, rebuilt.err) == (0, f"2 runs and 1 sweep read into {path}\n", "")


def test_an_index_that_is_a_link_to_another_database_is_named_and_left_as_it_is(tmp_path: Path, attnctl: Run) -> None:
    workspace = swept_modules(tmp_path / "w", "none", "ela")
    path, other = workspace.root / "attnctl.sqlite", tmp_path / "thesis.sqlite"
    connection = sqlite3.connect(other)
    connection.executescript("CREATE TABLE thesis (chapter TEXT); INSERT INTO thesis VALUES ('one')")
    connection.close()
    before = other.read_bytes()
    path.unlink(missing_ok=True)
    path.symlink_to(other)
    told = f"{path} is a symbolic link, not an index of attnctl, and stays as it is; move or delete it\n"
    status = attnctl("--workspace", str(workspace.root), "status", "--json")
    assert (status.code, len(json.loads(status.out)["runs"]), status.err) == (0, 2, told)
    rebuilt = attnctl("--workspace", str(workspace.root), "db", "rebuild")
    assert (rebuilt.code, rebuilt.out, rebuilt.err) == (2, "", f"attnctl: {told}")
    assert other.read_bytes() == before
    assert path.readlink() == other
