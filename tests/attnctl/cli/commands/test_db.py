"""`attnctl db`, as it is typed."""

from __future__ import annotations

from pathlib import Path

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.commands.reported import swept_modules


def test_the_database_is_located_and_rebuilt(tmp_path: Path, attnctl: Run) -> None:
    workspace = swept_modules(tmp_path, "none", "ela")
    path = attnctl("--workspace", str(workspace.root), "db", "path").out.strip()
    assert path == str(workspace.root / "attnctl.sqlite")
    rebuilt = attnctl("--workspace", str(workspace.root), "db", "rebuild")
    assert (rebuilt.code, rebuilt.out, rebuilt.err) == (0, f"2 runs and 1 sweep read into {path}\n", "")
