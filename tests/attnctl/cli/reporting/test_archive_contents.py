"""What goes into an archive of a report."""

from __future__ import annotations

import json
from pathlib import Path

from attnctl.files import write_atomic
from attnctl.papers import load
from attnctl.papers.runs import Overrides, cells_of
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import NOW, write_attempt
from tests.reports.exchange.unpacked import unpack


def test_a_papers_table_is_packed_with_its_sweeps(folder: Path, attnctl: Run, tmp_path: Path) -> None:
    command = ["sweep", "--table", "ela:4", "--dataset", "digits", "--name", "four"]
    workspace = Workspace(folder)
    overrides = Overrides(dataset="digits")
    cells = cells_of(load("ela").tables["4"], overrides, ["ResNet18*"])
    specs = [item for cell in cells for item in cell.specs]
    for number, item in enumerate(specs):
        write_attempt(workspace, item, 1, {10: 50.0 + number}, nonce=f"n{number}")
    record = Sweep(
        name="four",
        created=NOW,
        command=command,
        runs=[item.id for item in specs],
        paper="ela",
        table="4",
        overrides=overrides.to_json(),
    )
    write_atomic(workspace.sweep("four"), record.encode())
    assert attnctl("archive", "ela:4", "-o", "four.tar.gz").code == 0
    unpacked = unpack(folder / "four.tar.gz", tmp_path / "unpacked")
    text = (unpacked / "README.txt").read_text()
    assert "attnctl sweep --table ela:4 --dataset digits --name four" in text
    assert "    # ResNet18: none resnet18 digits, run " in text
    assert set(json.loads((unpacked / "lock.json").read_bytes())["runs"]) <= {item.id for item in specs}
    assert sorted(path.name for path in (unpacked / "runs").iterdir()) == sorted(item.id for item in specs)
    assert attnctl("archive", "4", "--paper", "ela", "-o", "same.tar.gz").code == 0


def test_links_in_the_workspace_are_named_and_what_they_lead_to_is_not_packed(
    written: Workspace, attnctl: Run, tmp_path: Path
) -> None:
    """As others may have put them into a workspace that is shared or was handed over."""
    (tmp_path / "id").write_text("a secret")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "0.json").write_text("a secret")
    run = written.run(written.run_ids()[0])
    files = [run.attempt(1).cancel, run.attempt(1).incarnation(0).exit(7), written.imports_folder / "notes.txt"]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(tmp_path / "id")
    folder = run.attempt(1).observed
    if folder.exists():
        folder.rename(tmp_path / "observed")
    folder.symlink_to(tmp_path / "keys")
    result = attnctl("archive", "first", "-o", "first.tar.gz")
    assert result.code == 0
    for path in (*files, folder):
        assert f"left out: {path} is a symbolic link; only regular files are packed" in result.err
    unpacked = unpack(written.root / "first.tar.gz", tmp_path / "unpacked")
    assert not [path for path in unpacked.rglob("*") if path.is_file() and b"a secret" in path.read_bytes()]
    assert attnctl("archive", "--check", "first.tar.gz").code == 0


def test_a_locked_report_is_packed_with_its_own_runs(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    assert attnctl("report", "first", "--lock", "frozen.json").code == 0
    frozen = (written.root / "frozen.json").read_bytes()
    assert attnctl("archive", "--lock", "frozen.json", "-o", "a.tar.gz").code == 0
    folder = unpack(written.root / "a.tar.gz", tmp_path / "unpacked")
    assert (folder.name, (folder / "lock.json").read_bytes()) == ("frozen", frozen)
    missing = attnctl("archive", "--lock", "no.json", "-o", "b.tar.gz")
    assert (missing.code, "there is no file no.json" in missing.err) == (2, True)
