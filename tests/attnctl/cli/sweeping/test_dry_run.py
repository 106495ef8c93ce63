"""`sweep --dry-run`: what would be done, and nothing written."""

from __future__ import annotations

from pathlib import Path

from tests.attnctl.cli.cli_run import Run, listing, workspace_with_a_run
from tests.attnctl.cli.swept_runs import runs


def test_a_dry_run_counts_runs_and_rows_and_writes_nothing(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--table", "ean:1", "--seed", "0,1", "--run-on", "local", "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert "EAN table 1: 112 runs for 28 of 28 rows\n112 runs: 112 new" in result.out
    assert "missing data: cifar10 is incomplete" in result.out
    assert "MobileNetV2+EAN" in result.out
    assert listing(folder) == []


def test_a_dry_run_writes_nothing_at_all(folder: Path, attnctl: Run) -> None:
    planned = attnctl("sweep", "ela,none", "--kernel", "5,7", "--seed", "0,1", "--dry-run", "--json")
    assert planned.code == 0
    assert len(runs(planned.out)) == 6
    assert {run["action"] for run in runs(planned.out)} == {"new"}
    assert attnctl("sweep", "ela", "--dry-run", "--workspace", "new").code == 0
    assert listing(folder) == []


def test_a_dry_run_changes_nothing_in_a_workspace(folder: Path, attnctl: Run) -> None:
    root = workspace_with_a_run(folder)
    before = {name: (root / name).stat().st_mtime_ns for name in listing(root)}
    result = attnctl("--workspace", str(root), "sweep", "ela", "--kernel", "5,7", "--dry-run")
    assert "1 new, 1 queued" in result.out
    assert {name: (root / name).stat().st_mtime_ns for name in listing(root)} == before
